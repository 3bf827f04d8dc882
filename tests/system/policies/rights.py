"""Rights: which ones a function's policy gives, which ones its calls need, and the difference.

All are written alike, so that they can be compared as sets: one action on one resource as a policy names it. An object
is its key's first part and `/*`, a secret ends in the six characters that Secrets Manager adds.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from chalice.app import DynamoDBEventConfig, SQSEventConfig

from app import app
from tests.stack import ACCOUNT, ENVIRONMENT, REGION

POLICIES = Path(__file__).parents[3] / ".chalice"
SOURCES = {source.name: source for source in (*app.websocket_handlers.values(), *app.event_sources)}
FUNCTIONS = ("api", *SOURCES)
NAMES = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "App": ENVIRONMENT["PIX_APP"],
    "Stage": ENVIRONMENT["PIX_STAGE"],
    "MailFrom": ENVIRONMENT["PIX_MAIL_FROM"],
    "WebsocketAPI": "live",
}
"""What CloudFormation puts into the policies: pseudo parameters, the stack's own and its websocket API."""


@dataclass(frozen=True, order=True)
class Right:
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def differences(policy: Mapping[str, Any], needed: set[Right]) -> list[str]:
    """What a policy gives too little and too much."""
    held = given(policy)
    found = [f"missing: {right}" for right in sorted(needed - set(held))]
    found += [f"unused: {right}" for right in sorted(set(held) - needed)]
    return found + [f"twice: {right}" for right in sorted(set(held)) if held.count(right) > 1]


# --- given --------------------------------------------------------------------------------------------------


def document(function: str) -> dict[str, Any]:
    """A function's policy with its names filled in."""

    def substituted(part: dict[str, Any]) -> Any:
        return filled(part["Fn::Sub"]) if part.keys() == {"Fn::Sub"} else part

    text = POLICIES.joinpath(f"policy-{function}.json").read_text()
    policy: dict[str, Any] = json.loads(text, object_hook=substituted)
    return policy


def filled(text: str) -> str:
    """A text of `Fn::Sub` as it is in the test account. Raises KeyError for a name that no stack knows."""
    return re.sub(r"\$\{([\w:]+)\}", lambda found: NAMES[found[1]], text)


def given(policy: Mapping[str, Any]) -> list[Right]:
    """Each action with each resource of its statement; twice what is given twice."""
    return [
        Right(action, resource)
        for statement in policy["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# --- needed by our calls ------------------------------------------------------------------------------------

_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_NOT_THERE = {"NoSuchKey", "NoSuchVersion"}


def needed(service: str, operation: str, asked: Mapping[str, Any], error: str | None = None) -> Iterator[Right]:
    """The rights behind one call. `asked` are its parameters, `error` the code that it was refused with.

    A call that is not listed here needs a right that no policy can give, until somebody has looked it up:
    https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            for kind, write in (pair for item in asked["TransactItems"] for pair in item.items()):
                yield Right(f"dynamodb:{_IN_TRANSACTIONS[kind]}", table(write["TableName"]))
        case "dynamodb", "BatchGetItem":
            for name in asked["RequestItems"]:
                yield Right("dynamodb:BatchGetItem", table(name))
        case "dynamodb", "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query":
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            yield Right(f"dynamodb:{operation}", table(asked["TableName"]) + index)
        case "s3", "GetObject":
            yield Right("s3:GetObjectVersion" if "VersionId" in asked else "s3:GetObject", _object(asked))
            if error in _NOT_THERE:  # without this right S3 answers 403 for what is not there
                yield Right("s3:ListBucket", _bucket(asked))
        case "s3", "HeadObject":
            yield Right("s3:GetObject", _object(asked))
            if error == "404":  # without this right S3 answers 403 for what is not there
                yield Right("s3:ListBucket", _bucket(asked))
        case "s3", "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload":
            yield Right("s3:PutObject", _object(asked))
        case "s3", "ListObjectVersions":
            yield Right("s3:ListBucketVersions", _bucket(asked))
        case "s3", "DeleteObject":
            yield Right("s3:DeleteObjectVersion" if "VersionId" in asked else "s3:DeleteObject", _object(asked))
        case "s3", "HeadBucket":
            yield Right("s3:ListBucket", _bucket(asked))
        case "s3", "ListObjectsV2":
            yield Right("s3:ListBucket", _bucket(asked))
        case "rekognition", "DetectText":
            yield Right("rekognition:DetectText", "*")  # a picture is no resource
        case "rekognition", _:
            yield Right(f"rekognition:{operation}", collections())
        case "sqs", "SendMessageBatch":
            yield Right("sqs:SendMessage", queue(asked["QueueUrl"].rpartition("/")[2]))
        case "sqs", "GetQueueAttributes":
            yield Right("sqs:GetQueueAttributes", queue(asked["QueueUrl"].rpartition("/")[2]))
        case "apigatewaymanagementapi", "PostToConnection":
            yield Right("execute-api:ManageConnections", connections("POST"))
        case "apigatewaymanagementapi", "DeleteConnection":
            yield Right("execute-api:ManageConnections", connections("DELETE"))
        case "secretsmanager", "GetSecretValue":
            yield Right("secretsmanager:GetSecretValue", secret(asked["SecretId"]))
        case "ses", "SendEmail":
            yield Right("ses:SendEmail", identity(parseaddr(asked["Source"])[1]))
            yield Right("ses:SendEmail", configuration_set())
        case "sesv2", "SendEmail":
            yield Right("ses:SendEmail", identity(parseaddr(asked["FromEmailAddress"])[1]))
            yield Right("ses:SendEmail", configuration_set())
        case "sns", "Publish" if "PhoneNumber" in asked:
            yield Right("sns:Publish", "*")  # a phone is no resource
        case _:
            yield Right(f"{service}:{operation}", "nobody said which")


def _bucket(asked: Mapping[str, Any]) -> str:
    """The names of real buckets end in the account's number; moto's do without."""
    return bucket(f"{asked['Bucket']}-{ACCOUNT}")


def _object(asked: Mapping[str, Any]) -> str:
    return f"{_bucket(asked)}/{asked['Key'].partition('/')[0]}/*"


# --- needed by Lambda ---------------------------------------------------------------------------------------


def used_by_lambda(function: str) -> set[Right]:
    """What AWS itself does with a function's role, before and after our code: no call of ours tells of it.

    Queues: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    Streams: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-example-lamda-process-dynamodb-streams.html
    """
    log = log_streams(function)  # its group is made with the stack, so that it has an end
    found = {Right("logs:CreateLogStream", log), Right("logs:PutLogEvents", log)}
    found |= {Right("xray:PutTelemetryRecords", "*"), Right("xray:PutTraceSegments", "*")}  # X-Ray has no resources
    source = SOURCES.get(function)
    if isinstance(source, SQSEventConfig):
        polled = queue(named(str(source.queue_arn).rpartition(":")[2]))
        found |= {
            Right(f"sqs:{action}", polled) for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
        }
    if isinstance(source, DynamoDBEventConfig):
        stream = f"{table(named(source.stream_arn.split('/')[1]))}/stream/*"
        read = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        found |= {Right(f"dynamodb:{action}", stream) for action in read}
        found.add(Right("sqs:SendMessage", queue(named("relay-failures"))))  # a batch that never returned
    return found


# --- resources ----------------------------------------------------------------------------------------------


def named(name: str) -> str:
    """The full name of a table, queue or function."""
    return f"{NAMES['App']}-{NAMES['Stage']}-{name}"


def table(name: str) -> str:
    return _arn("dynamodb", f"table/{name}")


def queue(name: str) -> str:
    return _arn("sqs", name)


def bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def collections() -> str:
    return _arn("rekognition", f"collection/{named('fix_*')}")


def secret(name: str) -> str:
    return _arn("secretsmanager", f"secret:{name}-??????")


def connections(method: str) -> str:
    return _arn("execute-api", f"{NAMES['WebsocketAPI']}/api/{method}/@connections/*")


def identity(address: str) -> str:
    return _arn("ses", f"identity/{address}")


def configuration_set() -> str:
    """The identity's own: SES asks for it as if each mail named it."""
    return _arn("ses", f"configuration-set/{named('').removesuffix('-')}")


def log_streams(function: str) -> str:
    return _arn("logs", f"log-group:/aws/lambda/{named(function)}:log-stream:*")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
