"""The policies as documents: no right is wider than its name, each exists, and what they name is there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.stack import ACCOUNT, template
from tests.system.policies import rights
from tests.system.policies.rights import FUNCTIONS, NAMES, POLICIES, named

MOST_CHARACTERS = 10_240
"""Of all policies of one role, without white space:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def test_there_is_one_policy_a_function_and_no_other():
    assert {file.name for file in POLICIES.glob("policy-*.json")} == {f"policy-{name}.json" for name in FUNCTIONS}


# --- no wildcards -------------------------------------------------------------------------------------------


def loose(policy: Mapping[str, Any]) -> Iterator[str]:
    """What gives more than it names. A star may stand for the end of a name: a key, a log stream, a table's stream."""
    for statement in policy["Statement"]:
        if statement.keys() != {"Sid", "Effect", "Action", "Resource"} or statement["Effect"] != "Allow":
            yield f"{statement['Sid']} is not plain"
    for right in rights.given(policy):
        if {"*", "?"} & set(right.action):
            yield f"{right}: any action"
        if right.resource == "*" and (
            right.action.startswith("xray:") or right.action in ("sns:Publish", "rekognition:DetectText")
        ):
            continue  # X-Ray has no resources, and neither a phone nor a picture is one
        ends_at = right.resource.removesuffix("-??????").removesuffix("/*").removesuffix(":*").removesuffix("fix_*")
        if {"*", "?"} & set(ends_at) or not ends_at.startswith(_ours()):
            yield f"{right}: any resource"


def _ours() -> tuple[str, ...]:
    """How the names of everything that belongs to this application and stage begin."""
    own = named("")
    buckets = [rights.bucket(f"{own}{name}-{ACCOUNT}") for name in ("originals", "previews", "documents")]
    secret = rights.secret(f"{NAMES['App']}/{NAMES['Stage']}/").removesuffix("-??????")
    log = rights.log_streams("").partition(":log-stream")[0]
    sockets = [rights.connections(method).removesuffix("/*") for method in ("POST", "DELETE")]
    mail = rights.identity(NAMES["MailFrom"])
    faces = rights.collections().removesuffix("fix_*")
    return (
        faces,
        rights.table(own),
        rights.queue(own),
        *buckets,
        secret,
        mail,
        rights.configuration_set(),
        log,
        *sockets,
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_gives_more_than_it_names(function: str):
    assert list(loose(rights.document(function))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"Action": "dynamodb:*"},
        {"Action": ["dynamodb:Get?tem"]},
        {"Action": "*"},
        {"Resource": "*"},
        {"Resource": f"arn:aws:dynamodb:*:{ACCOUNT}:table/{named('orders')}"},
        {"Resource": rights.table("*")},
        {"Resource": rights.table(named("*"))},
        {"Resource": rights.queue("another-queue")},
        {"Resource": rights.bucket("*")},
        {"Resource": rights.bucket(named("*"))},
        {"Resource": rights.secret("*")},
        {"Effect": "Deny"},
        {"NotAction": "dynamodb:Scan"},
        {"Condition": {}},
    ],
    ids=str,
)
def test_a_statement_that_gives_more_than_it_names_is_found(changed: Mapping[str, Any]):
    plain = rights.document("sweep_orders")["Statement"][0]

    assert list(loose({"Statement": [plain]})) == []
    assert len(list(loose({"Statement": [plain | changed]}))) == 1


# --- what IAM knows -----------------------------------------------------------------------------------------


def invalid(*policies: Any) -> list[str]:
    """What cfn-lint, which has IAM's list of actions and of their kinds of resource, says of roles with these."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    roles = {
        f"Role{number}": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                "Policies": [{"PolicyName": "own", "PolicyDocument": policy}],
            },
        }
        for number, policy in enumerate(policies)
    }
    looking = ManualArgs(include_checks=["I"], regions=[NAMES["AWS::Region"]])
    found = lint(json.dumps({"Resources": roles}), config=looking)
    return [f"{match.rule.id} {match.message}" for match in found]


def test_every_action_exists_and_fits_its_resource():
    assert invalid(*map(rights.document, FUNCTIONS)) == []


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"Action": ["dynamodb:GetItems"]}, "W3037"),
        ({"Action": ["dynamo:GetItem"]}, "W3037"),
        ({"Resource": rights.queue(named("orders"))}, "I3510"),
    ],
)
def test_an_action_that_does_not_exist_or_fit_is_found(changed: Mapping[str, Any], rule: str):
    policy = rights.document("sweep_orders")
    policy["Statement"][1] |= changed

    assert {each.partition(" ")[0] for each in invalid(policy)} == {rule}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_policy_fits_into_its_role_whatever_names_are_chosen(function: str, monkeypatch: pytest.MonkeyPatch):
    longest = {
        "App": "a" * 21,  # as infra/data.yaml allows
        "Stage": "s" * 10,
        "AWS::Region": "ap-southeast-1",
        "MailFrom": f"{'m' * 64}@{'d' * 186}.com",
    }
    for name, value in longest.items():
        monkeypatch.setitem(NAMES, name, value)

    text = json.dumps(rights.document(function), separators=(",", ":"))

    assert len(text) <= MOST_CHARACTERS


# --- what is there ------------------------------------------------------------------------------------------


SOCKETS = {rights.connections(method) for method in ("POST", "DELETE")}
"""The websocket API stands in the template of the application itself."""


def made() -> Iterator[str]:
    """What infra/data.yaml makes, as policies name it."""
    for resource in template()["Resources"].values():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                table = rights.table(rights.filled(properties["TableName"]))
                yield table
                yield from (
                    f"{table}/index/{index['IndexName']}" for index in properties.get("GlobalSecondaryIndexes", ())
                )
                if "StreamSpecification" in properties:
                    yield f"{table}/stream/*"
            case "AWS::SQS::Queue":
                yield rights.queue(rights.filled(properties["QueueName"]))
            case "AWS::S3::Bucket":
                yield rights.bucket(rights.filled(properties["BucketName"]))
            case "AWS::SecretsManager::Secret":
                yield rights.secret(rights.filled(properties["Name"]))
            case "AWS::SES::EmailIdentity":
                yield rights.identity(NAMES[properties["EmailIdentity"]])
            case "AWS::SES::ConfigurationSet":
                yield rights.configuration_set()


def test_everything_that_a_policy_names_is_made_by_the_data_stack():
    named_by_policies = {
        right.resource.partition("/")[0] if ":s3:::" in right.resource else right.resource
        for function in FUNCTIONS
        for right in rights.given(rights.document(function))
        if right.resource not in {"*", rights.log_streams(function), rights.collections(), *SOCKETS}
    }

    assert named_by_policies - set(made()) == set()
