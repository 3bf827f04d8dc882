"""Mails that follow a registration."""

from chalicelib.accounts import service
from chalicelib.accounts.messages import AddressRegisteredAgain, SignUpCodeIssued
from chalicelib.accounts.model import CODE_LASTS
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications


@on(SignUpCodeIssued, queue="emails")
def mail_sign_up_code(fact: SignUpCodeIssued) -> Outcome:
    """Skipped for a code that nobody waits for any more."""
    waiting = service.code_to_mail(fact.organization, fact.user, fact.nonce)
    if waiting is None:
        return Outcome.SKIPPED
    user, code = waiting
    return notifications.send_email(
        fact.organization,
        once=f"sign-up-code#{fact.nonce}",
        to=user.email,
        template="sign_up_code",
        language=user.language,
        values={"name": user.name, "code": code, "minutes": int(CODE_LASTS.total_seconds()) // 60},
    )


@on(AddressRegisteredAgain, queue="emails")
def mail_already_registered(fact: AddressRegisteredAgain) -> Outcome:
    user = service.find_user(fact.organization, fact.user)
    if user is None:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"already-registered#{fact.nonce}",
        to=user.email,
        template="already_registered",
        language=user.language,
        values={"name": user.name},
    )
