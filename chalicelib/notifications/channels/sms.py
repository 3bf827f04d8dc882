"""Texts through Amazon SNS, to one phone each.

SNS knows no idempotency key for texts: every call that it accepts is a text, and costs one.
"""

from chalicelib.core import aws


def send(text: str, *, to: str) -> str:
    """Hand `text` to SNS for the number `to` (E.164); returns SNS's message id.

    Raises botocore's errors when SNS does not accept it. Sent as `Transactional`: sooner rather than cheaper.
    """
    answer = aws.client("sns").publish(
        PhoneNumber=to,
        Message=text,
        MessageAttributes={"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}},
    )
    return answer["MessageId"]
