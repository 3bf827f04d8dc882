"""infra/data.yaml as it stands in the emulator, and that cfn-lint finds nothing in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib.core.settings import Settings
from infra.local import stack
from infra.local.emulator import Emulator
from tests.stack import template

pytestmark = pytest.mark.system

ORIGINS = ("http://localhost:3000", "http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def outputs(emulator: Emulator) -> dict[str, str]:
    return stack.deploy(emulator.endpoint, ORIGINS)


@pytest.fixture
def client(emulator: Emulator) -> Callable[[str], Any]:
    return lambda service: stack.emulator_client(service, emulator.endpoint)


def test_cfn_lint_finds_nothing() -> None:
    command = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run([command, stack.TEMPLATE], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_tables_are_what_the_template_says(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    resources = template()["Resources"].items()
    wanted = {name: part["Properties"] for name, part in resources if part["Type"] == "AWS::DynamoDB::Table"}
    assert len(wanted) >= 11
    for name, properties in wanted.items():
        table = client("dynamodb").describe_table(TableName=outputs[f"{name}Name"])["Table"]
        assert table["TableName"] == f"thepixstock-local-{name.removesuffix('Table').lower()}"
        assert table["TableArn"] == outputs[f"{name}Arn"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert keys(table) == keys(properties) == ("pk", "sk")
        assert indexes(table) == indexes(properties)
        assert projections(table) == projections(properties)
        assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}
        described = client("dynamodb").describe_time_to_live(TableName=table["TableName"])
        assert described["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_only_the_outbox_has_a_stream(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    streams = client("dynamodbstreams").list_streams()["Streams"]

    ours = [stream for stream in streams if stream["TableName"].startswith("thepixstock-local-")]
    assert [(stream["TableName"], stream["StreamArn"]) for stream in ours] == [
        (outputs["OutboxTableName"], outputs["OutboxStreamArn"])
    ]


def test_an_outbox_item_appears_on_the_stream(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    item = {"pk": {"S": "T#test"}, "sk": {"S": "1"}}
    client("dynamodb").put_item(TableName=outputs["OutboxTableName"], Item=item)

    streams = client("dynamodbstreams")
    arn = outputs["OutboxStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]

    assert [record["dynamodb"]["NewImage"] for record in records] == [item]


def test_queues_and_their_dead_letters(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    for queue in stack.QUEUES:
        attributes = client("sqs").get_queue_attributes(QueueUrl=outputs[f"{queue}QueueUrl"], AttributeNames=["All"])[
            "Attributes"
        ]
        assert attributes["QueueArn"] == outputs[f"{queue}QueueArn"]
        assert attributes["QueueArn"].endswith(f":thepixstock-local-{queue.lower()}")
        assert attributes["VisibilityTimeout"] == "30"
        assert json.loads(attributes["RedrivePolicy"]) == {
            "deadLetterTargetArn": outputs[f"{queue}DeadLettersArn"],
            "maxReceiveCount": 5,
        }
        assert outputs[f"{queue}DeadLettersUrl"].endswith(f"/thepixstock-local-{queue.lower()}-dlq")


def test_only_uploads_are_notified(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    s3, sqs = client("s3"), client("sqs")
    bucket = outputs["OriginalsBucketName"]
    s3.put_object(Bucket=bucket, Key="elsewhere/1.jpg", Body=b"1")
    s3.put_object(Bucket=bucket, Key="uploads/กุ้ง 1.jpg", Body=b"22")

    keys_seen: list[str] = []
    while True:
        received = sqs.receive_message(
            QueueUrl=outputs["UploadsQueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages", [])
        if not received:
            break
        for message in received:
            for record in json.loads(message["Body"]).get("Records", []):  # S3's own test event has none
                keys_seen.append(record["s3"]["object"]["key"])
                assert record["s3"]["bucket"]["name"] == bucket
                assert record["s3"]["object"]["size"] == 2
                assert record["s3"]["object"]["versionId"]
    assert keys_seen == ["uploads/%E0%B8%81%E0%B8%B8%E0%B9%89%E0%B8%87+1.jpg"]


def test_buckets_are_private_and_versioned(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    s3 = client("s3")
    originals, previews = outputs["OriginalsBucketName"], outputs["PreviewsBucketName"]

    assert originals == "thepixstock-local-originals-000000000000"
    assert previews == "thepixstock-local-previews-000000000000"
    assert s3.get_bucket_versioning(Bucket=originals)["Status"] == "Enabled"
    assert "Status" not in s3.get_bucket_versioning(Bucket=previews)
    for bucket in (originals, previews):
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
        statement = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    cors = s3.get_bucket_cors(Bucket=originals)["CORSRules"][0]
    assert cors["AllowedOrigins"] == list(ORIGINS)
    assert cors["AllowedMethods"] == ["POST", "GET"]


def test_each_class_of_data_has_a_key_that_rotates(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    kms = client("kms")
    aliases = {alias["AliasName"]: alias["TargetKeyId"] for alias in kms.list_aliases()["Aliases"]}
    for name in ("media", "people", "documents", "money", "messages", "secret"):
        arn = outputs[f"{name.title()}KeyArn"]
        assert arn.endswith("/" + aliases[f"alias/thepixstock-local-{name}"])
        assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is True

    secret = client("secretsmanager").describe_secret(SecretId=outputs["SecretId"])
    assert secret["KmsKeyId"] == outputs["SecretKeyArn"]


def test_a_queue_keeps_what_the_relay_could_not_begin(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    attributes = client("sqs").get_queue_attributes(QueueUrl=outputs["RelayFailuresUrl"], AttributeNames=["All"])[
        "Attributes"
    ]

    assert attributes["QueueArn"] == outputs["RelayFailuresArn"]
    assert attributes["QueueArn"].endswith(":thepixstock-local-relay-failures")
    assert attributes["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    assert attributes["KmsMasterKeyId"] == outputs["MessagesKeyArn"]


def test_mail_may_be_sent_from_the_identity(outputs: Mapping[str, str], client: Callable[[str], Any]) -> None:
    assert outputs["MailFrom"] in client("ses").list_identities()["Identities"]


def test_deploying_again_changes_only_what_changed(
    emulator: Emulator, outputs: Mapping[str, str], client: Callable[[str], Any]
) -> None:
    item = {"pk": {"S": "T#test"}, "sk": {"S": "kept"}}
    client("dynamodb").put_item(TableName=outputs["ClaimsTableName"], Item=item)

    same = stack.deploy(emulator.endpoint, ORIGINS)
    other = stack.deploy(emulator.endpoint, ["http://localhost:9999"])

    assert same == other == outputs
    cors = client("s3").get_bucket_cors(Bucket=outputs["OriginalsBucketName"])["CORSRules"][0]
    assert cors["AllowedOrigins"] == ["http://localhost:9999"]
    key = {name: item[name] for name in ("pk", "sk")}
    assert client("dynamodb").get_item(TableName=outputs["ClaimsTableName"], Key=key)["Item"] == item
    stack.deploy(emulator.endpoint, ORIGINS)


def test_a_refused_stack_says_why(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("Resources:\n  Odd: {Type: AWS::No::Such, Properties: {}}\n")
    monkeypatch.setattr(stack, "TEMPLATE", broken)
    monkeypatch.setattr(stack, "STACK", "broken")

    with pytest.raises(stack.DeployFailed, match="AWS::No::Such"):
        stack.deploy(emulator.endpoint, ORIGINS)


def test_secrets_are_made_once_and_differ_between_folders(
    emulator: Emulator, outputs: Mapping[str, str], tmp_path: Path, client: Callable[[str], Any]
) -> None:
    (tmp_path / "other").mkdir()
    other = stack.put_secrets(emulator.endpoint, outputs, tmp_path / "other")
    first = stack.put_secrets(emulator.endpoint, outputs, tmp_path)
    again = stack.put_secrets(emulator.endpoint, outputs, tmp_path)

    assert first == again
    for name in ("jwt_private_key", "token_key"):
        assert first[name] != other[name]
    assert first["paynoi"]["api_key"] != other["paynoi"]["api_key"]
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    held = client("secretsmanager").get_secret_value(SecretId=outputs["SecretId"])["SecretString"]
    assert json.loads(held) == first
    key = load_pem_private_key(first["jwt_private_key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert len(bytes.fromhex(first["token_key"])) == 32


def test_secrets_of_an_earlier_release_get_what_they_lack(
    emulator: Emulator, outputs: Mapping[str, str], tmp_path: Path
) -> None:
    first = stack.put_secrets(emulator.endpoint, outputs, tmp_path)
    older = {name: value for name, value in first.items() if name != "sealing_key"}
    (tmp_path / "secrets.json").write_text(json.dumps(older))

    completed = stack.put_secrets(emulator.endpoint, outputs, tmp_path)

    assert older.items() <= completed.items()
    assert json.loads((tmp_path / "secrets.json").read_text()) == completed
    assert completed.keys() == first.keys()


def test_environment_is_what_the_application_asks_for(outputs: Mapping[str, str]) -> None:
    values = stack.environment(
        outputs,
        endpoint="http://127.0.0.1:1",
        api_url="http://127.0.0.1:2/",
        paynoi_url="http://127.0.0.1:3/",
        live_url="ws://127.0.0.1:4",
        live_endpoint="http://127.0.0.1:2/_live",
        allowed_origins=ORIGINS,
        identity_url="http://127.0.0.1:2/_local/identity",
        promptpay_url="http://127.0.0.1:2/_local/bank",
        stripe_url="http://127.0.0.1:5",
        cloudpayments_url="http://127.0.0.1:6",
        kaspi_url="http://127.0.0.1:7",
        paypal_url="http://127.0.0.1:6",
        paypal_authority="a root",
        crypto_url="http://127.0.0.1:7",
    )

    # A CDN that there is not on one machine; engines that are there where somebody installed them.
    options = {"PIX_PREVIEWS_URL", "PIX_PREVIEWS_KEY_ID", "PIX_FACES", "PIX_TEXTS"}
    options |= {"PIX_MAIL_PROVIDER", "PIX_SMS_PROVIDER", "PIX_WEBPUSH_URL", "PIX_WEBPUSH_SERVICES"}
    assert values["PIX_IDENTITY_URL"] == "http://127.0.0.1:2/_local/identity"
    assert values["PIX_STRIPE_URL"] == "http://127.0.0.1:5"
    named = {name for name in values if name.startswith("PIX_")}
    assert {f"PIX_{name.upper()}" for name in Settings.model_fields} - options == named - options
    assert values["PIX_STAGE"] == "local"
    assert values["PIX_API_URL"] == "http://127.0.0.1:2"
    assert values["PIX_PAYNOI_URL"] == "http://127.0.0.1:3"
    assert values["PIX_LIVE_URL"] == "ws://127.0.0.1:4"
    assert values["PIX_LIVE_ENDPOINT"] == "http://127.0.0.1:2/_live"
    assert values["PIX_UPLOADS_QUEUE"] == outputs["UploadsQueueUrl"]
    assert values["PIX_SECRET_ID"] == "thepixstock/local/app"
    assert values["PIX_ALLOWED_ORIGINS"] == "http://localhost:3000,http://127.0.0.1:8000"
    assert values["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


def projections(table: Mapping[str, Any]) -> dict[str, Any]:
    return {index["IndexName"]: index["Projection"] for index in table.get("GlobalSecondaryIndexes", [])}


def indexes(described: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {index["IndexName"]: keys(index) for index in described.get("GlobalSecondaryIndexes", [])}


def keys(described: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(part["AttributeName"] for part in described["KeySchema"])
