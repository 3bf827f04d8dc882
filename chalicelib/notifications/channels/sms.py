"""Texts through Amazon SNS, to one phone each.

SNS knows no idempotency key for texts: every call that it accepts is a text, and costs one.
"""

from chalicelib.core import aws
from chalicelib.notifications.channels import Undeliverable


def send(text: str, *, to: str) -> str:
    """Hand `text` to SNS for the number `to` (E.164); returns SNS's message id.

    Raises Undeliverable for a number that SNS texts to never, botocore's errors when it does not take the text now.
    Sent as `Transactional`: sooner rather than cheaper.
    """
    sns = aws.client("sns")
    try:
        answer = sns.publish(
            PhoneNumber=to,
            Message=text,
            MessageAttributes={"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}},
        )
    except sns.exceptions.InvalidParameterException as refusal:
        raise Undeliverable from refusal
    return answer["MessageId"]
