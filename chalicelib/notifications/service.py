"""Notices to people. Today by e-mail; Jinja2 and SES are loaded by the first mail."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import log, metrics
from chalicelib.core.metrics import Metric
from chalicelib.core.once import Taken, claim, recall
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.notifications.channels import email
from chalicelib.notifications.mail import LANGUAGES, compose
from chalicelib.notifications.model import TEMPLATES, told
from chalicelib.organizations import service as organizations

__all__ = ["send_email", "told"]

_REMEMBERED = timedelta(days=30)


def send_email(
    organization: str, *, once: str, to: str, template: str, language: str, values: Mapping[str, Any]
) -> Outcome:
    """Mail `template` (see `model.TEMPLATES` for its values) to one address, in the organization's name.

    `once` names the occasion: a mail sent for it in the last 30 days is SKIPPED. SES has no idempotency key,
    so the mark follows the mail: a process that dies between the two mails again, and no mail is lost. An
    unknown `language` becomes the organization's. Raises what kept SES from accepting: the queue tries again.
    """
    if recall(organization, "email", once) is not None:
        return Outcome.SKIPPED
    home = organizations.get(organization)
    spoken = next((known for known in (language, home.language) if known in LANGUAGES), "en")
    given = TEMPLATES[template].model_validate(dict(values))
    filled = {
        name: told(value, spoken, home.timezone) if isinstance(value, datetime) else value for name, value in given
    }
    filled["organization"] = filled.get("organization") or home.mail_name
    named = {"organization": organization, "template": template}
    try:
        message = email.send(compose(template, spoken, filled), to=to, sender=home.mail_name)
    except Exception:
        log.warning("mail not sent", metrics.of({Metric.MAILS_FAILED: 1}), **named)
        raise
    try:
        transact(claim(organization, "email", once, result=message, keep=_REMEMBERED))
        log.info("mail sent", metrics.of({Metric.MAILS_SENT: 1}), **named)
    except Taken:
        log.warning("two deliveries of one message mailed at the same time", **named)
    return Outcome.SUCCESS
