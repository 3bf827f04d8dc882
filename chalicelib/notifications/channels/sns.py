"""Texts through Amazon SNS."""

from chalicelib.core import aws
from chalicelib.notifications.channels import Undeliverable


class Sns:
    def send(self, text: str, *, to: str) -> str:
        """See `TextService`. Sent as `Transactional`: sooner rather than cheaper."""
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
