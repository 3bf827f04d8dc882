"""What SES tells of mails, on this machine, where somebody writes to the addresses of SES's mailbox simulator.

`bounce@simulator.amazonses.com` has no mailbox, `complaint@...` complains, and the rest is delivered; what comes after
a `+` tells addresses apart. The event goes through the stack's own topic to its queue, as in AWS. The emulator drops
the tags of a mail: what happens here happens to the organization that everybody belongs to at first, and is counted for
no notice. So nothing is told of what is delivered.
"""

import json
import logging
import threading
import uuid
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any, Literal

from chalicelib.organizations.service import DEFAULT
from infra.local.mailbox import Mail, sent_mails
from infra.local.stack import APP, STAGE, emulator_client

log = logging.getLogger("infra.local.feedback")

DOMAIN = "simulator.amazonses.com"
Kind = Literal["bounce", "transient", "complaint", "delivery"]
_KINDS: dict[str, Kind] = {"bounce": "bounce", "transient": "transient", "complaint": "complaint"}
_SECONDS = 0.5


def event_of(
    kind: Kind, to: str, *, organization: str = DEFAULT, id: str | None = None, notice: str | None = None
) -> dict[str, Any]:
    """As SES publishes it: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html"""
    now, id = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), id or str(uuid.uuid4())
    tags = {"ses:configuration-set": [f"{APP}-{STAGE}"], "organization": [organization]}
    tags |= {"notice": [notice]} if notice else {}
    mail = {"timestamp": now, "messageId": id, "destination": [to], "headersTruncated": False, "tags": tags}
    if kind == "delivery":
        taken = {"timestamp": now, "processingTimeMillis": 546, "recipients": [to], "smtpResponse": "250 ok"}
        return {"eventType": "Delivery", "delivery": taken, "mail": mail}
    feedback = {"feedbackId": f"feedback-{id}", "timestamp": now}
    if kind == "complaint":
        told = {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse", **feedback}
        return {"eventType": "Complaint", "complaint": told, "mail": mail}
    lasting = kind == "bounce"
    recipient = {
        "emailAddress": to,
        "action": "failed",
        "status": "5.1.1" if lasting else "4.4.7",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown" if lasting else "smtp; 451 4.4.7 try later",
    }
    types = {"bounceType": "Permanent" if lasting else "Transient", "bounceSubType": "General"}
    return {"eventType": "Bounce", "bounce": {**types, "bouncedRecipients": [recipient], **feedback}, "mail": mail}


class Simulator(threading.Thread):
    """Looks at what was mailed, and tells the topic what became of it."""

    def __init__(self, endpoint: str, topic: str) -> None:
        super().__init__(name="ses-simulator", daemon=True)
        self._endpoint, self._topic = endpoint, topic
        self._sns = emulator_client("sns", endpoint)
        self._told: set[str] = set()
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(_SECONDS):
            try:
                for mail in sent_mails(self._endpoint):
                    self._tell(mail)
            except Exception:
                log.exception("the simulator of SES failed")

    def stop(self) -> None:
        self._stopping.set()
        self.join(15)

    def _tell(self, mail: Mail) -> None:
        if mail.id in self._told:
            return
        self._told.add(mail.id)
        address = parseaddr(mail.to[0])[1].lower()
        name, _, domain = address.partition("@")
        kind = _KINDS.get(name.partition("+")[0])
        if domain == DOMAIN and kind is not None:
            event = event_of(kind, address, id=mail.id)
            self._sns.publish(TopicArn=self._topic, Message=json.dumps(event))
