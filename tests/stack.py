"""Builds the data stack of infra/data.yaml inside moto, which drops parts of CloudFormation silently."""

import secrets as random_secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.sqs.models import sqs_backends

from tests import rekognition
from tests.quick_moto import quickened

ACCOUNT = "123456789012"
REGION = "us-east-1"
QUEUES = ("uploads", "payments", "emails", "jobs", "webhooks")
_QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/thepixstock-test-"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "PIX_APP": "thepixstock",
    "PIX_STAGE": "test",
    "PIX_ORIGINALS_BUCKET": "thepixstock-test-originals",
    "PIX_PREVIEWS_BUCKET": "thepixstock-test-previews",
    "PIX_DOCUMENTS_BUCKET": "thepixstock-test-documents",
    "PIX_SECRET_ID": "thepixstock/test/app",
    "PIX_LOCAL_RECEIVERS": "true",
    "PIX_API_URL": "http://127.0.0.1:8000",
    "PIX_ALLOWED_ORIGINS": "http://localhost:3000",
    "PIX_TENANTS_DOMAIN": "shops.example",
    "PIX_MAIL_FROM": "shop@thepixstock.example",
    "PIX_PAYNOI_URL": "http://127.0.0.1:9",
    "PIX_FACES": "rekognition",
    "PIX_TEXTS": "rekognition",
    "PIX_LIVE_URL": f"wss://live.execute-api.{REGION}.amazonaws.com/api",
    **{f"PIX_{name.upper()}_QUEUE": _QUEUE_URL + name for name in QUEUES},
}


class _Template(yaml.SafeLoader):
    """Reads a CloudFormation template; of `!Ref`, `!Sub` and the like only the argument is kept."""


def _argument(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _argument)


@cache
def template() -> dict[str, Any]:
    text = Path(__file__).parent.parent.joinpath("infra/data.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=_Template)
    return loaded


def fresh_secrets() -> dict[str, Any]:
    pem, push_pem = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048))
    )
    return {
        "jwt_private_key": pem,
        "token_key": random_secrets.token_hex(32),
        "sealing_key": random_secrets.token_hex(32),
        "paynoi": {
            "api_key": random_secrets.token_hex(20),
            "key_id": "100568",
            "account": "0812345678",
            "type": "1",
        },
        "stripe": {
            "secret_key": f"sk_test_{random_secrets.token_hex(20)}",
            "publishable_key": f"pk_test_{random_secrets.token_hex(20)}",
            "webhook_secrets": [f"whsec_{random_secrets.token_hex(20)}"],
            "return_url": "https://shop.example/paid",
        },
        "promptpay": {
            "api_key": random_secrets.token_hex(20),
            "api_secret": random_secrets.token_hex(20),
            "biller_id": "099400012345678",
            "reference_prefix": "PIX",
            "webhook_keys": [random_secrets.token_hex(20)],
        },
        "firebase": {
            "project_id": "thepixstock-test",
            "client_email": "push@thepixstock-test.example",
            "private_key": push_pem,
            "url": "http://127.0.0.1:9",
            "token_url": "http://127.0.0.1:9/token",
        },
        "cloudpayments": {
            "public_id": f"pk_{random_secrets.token_hex(12)}",
            "api_secret": random_secrets.token_hex(20),
        },
        "kaspi": {
            "api_key": random_secrets.token_hex(20),
            "device_token": random_secrets.token_hex(16),
            "organization_bin": "210440028324",
        },
        "paypal": {
            "client_id": random_secrets.token_hex(20),
            "client_secret": random_secrets.token_hex(20),
            "webhook_ids": [random_secrets.token_hex(9).upper()],
            "return_url": "https://shop.example/paid",
        },
        "crypto": {
            "api_key": random_secrets.token_hex(20),
            "webhook_secrets": [random_secrets.token_hex(20)],
            "return_url": "https://shop.example/paid",
        },
    }


@cache
def client(service: Any) -> Any:
    """Making a client costs far more than calling moto, and one outlives the mocks: moto answers below it."""
    return boto3.client(service)


@contextmanager
def moto_stack(secret: str) -> Iterator[None]:
    """`secret` is the same for a whole session: the process may hold on to it.

    Most is made in moto's own models: asked for by API, it took half of the time of a test.
    """
    with mock_aws(), quickened(), rekognition.answering():
        _create_tables()
        s3, sqs = s3_backends[ACCOUNT]["aws"], sqs_backends[ACCOUNT][REGION]
        for name in ("originals", "previews", "documents"):
            s3.create_bucket(ENVIRONMENT[f"PIX_{name.upper()}_BUCKET"], REGION)
        s3.put_bucket_versioning(ENVIRONMENT["PIX_ORIGINALS_BUCKET"], "Enabled")
        for name in QUEUES:
            sqs.create_queue(f"thepixstock-test-{name}", VisibilityTimeout="0")
        _keep(secret)
        ses_backends[ACCOUNT][REGION].verify_email_identity(ENVIRONMENT["PIX_MAIL_FROM"])
        yield


def _create_tables() -> None:
    for table in _tables():
        dynamodb_backends[ACCOUNT][REGION].create_table(
            table["TableName"].replace("${App}", "thepixstock").replace("${Stage}", "test"),
            schema=table["KeySchema"],
            attr=table["AttributeDefinitions"],
            global_indexes=table.get("GlobalSecondaryIndexes", []),
            billing_mode="PAY_PER_REQUEST",
            indexes=[],
            tags=[],
            throughput=None,
            streams=None,
            sse_specification=None,
            deletion_protection_enabled=None,
            warm_throughput=None,
        )


def _keep(secret: str) -> None:
    secretsmanager_backends[ACCOUNT][REGION].create_secret(
        ENVIRONMENT["PIX_SECRET_ID"],
        secret_string=secret,
        secret_binary=None,
        description=None,
        tags=None,
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )


@cache
def _tables() -> list[dict[str, Any]]:
    resources = template()["Resources"].values()
    return [resource["Properties"] for resource in resources if resource["Type"] == "AWS::DynamoDB::Table"]
