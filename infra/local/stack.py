"""Deploys infra/data.yaml into the emulator, unchanged, and says where everything is."""

import json
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.rotate import KEYS

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

TEMPLATE = Path(__file__).parent.parent / "data.yaml"
TEMPLATES = "local-templates"
APP = "thepixstock"
STAGE = "local"
STACK = f"{APP}-{STAGE}-data"
REGION = "us-east-1"
TENANTS_DOMAIN = "thepixstock.localhost"  # browsers take every name below localhost for this machine
MAIL_FROM = "photos@thepixstock.example"
QUEUES = ("Uploads", "Payments", "Emails", "Jobs", "Webhooks")
VISIBILITY_TIMEOUT = 30  # seconds: how long a killed process hides the messages it held
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # what the emulator expects
DEPLOY_SECONDS = 120.0
RETURN_URL = "http://localhost:3000/paid"  # of a frontend, to which buyers come back from a gateway's page


class DeployFailed(RuntimeError):
    """CloudFormation refused the data stack; the text quotes the events that say why."""


def emulator_client(service: Any, endpoint: str, config: Config | None = None) -> Any:
    """A boto3 client of the emulator that looks neither at the environment nor at a person's AWS profile."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}).merge(config or Config()),
    )


def deploy(endpoint: str, allowed_origins: Iterable[str], mail_from: str = MAIL_FROM) -> dict[str, str]:
    """Create the data stack or bring it up to date; returns its outputs. Raises DeployFailed."""
    values = {
        "App": APP,
        "Stage": STAGE,
        "AllowedOrigins": ",".join(allowed_origins),
        "MailFrom": mail_from,
        **{f"{queue}VisibilityTimeout": str(VISIBILITY_TIMEOUT) for queue in QUEUES},
    }
    cloudformation: CloudFormationClient = emulator_client("cloudformation", endpoint)
    _create_or_update(
        cloudformation,
        _template(endpoint),
        [{"ParameterKey": key, "ParameterValue": text} for key, text in values.items()],
    )
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    _expire_items(endpoint, outputs)
    return outputs | _queue_urls(endpoint, outputs)


def environment(
    outputs: Mapping[str, str],
    *,
    endpoint: str,
    api_url: str,
    paynoi_url: str,
    live_url: str,
    live_endpoint: str,
    allowed_origins: Iterable[str],
    identity_url: str = "",
    promptpay_url: str = "",
    stripe_url: str = "",
    cloudpayments_url: str = "",
    kaspi_url: str = "",
    paypal_url: str = "",
    paypal_authority: str = "",
    crypto_url: str = "",
    webpush_url: str = "",
) -> dict[str, str]:
    """What the application reads, as infra/app.yaml has it, and the emulator's AWS_*."""
    return {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "PIX_APP": APP,
        "PIX_STAGE": STAGE,
        "PIX_ORIGINALS_BUCKET": outputs["OriginalsBucketName"],
        "PIX_PREVIEWS_BUCKET": outputs["PreviewsBucketName"],
        "PIX_DOCUMENTS_BUCKET": outputs["DocumentsBucketName"],
        **{f"PIX_{queue.upper()}_QUEUE": outputs[f"{queue}QueueUrl"] for queue in QUEUES},
        "PIX_LOCAL_RECEIVERS": "true",
        "PIX_SECRET_ID": outputs["SecretId"],
        "PIX_API_URL": api_url.rstrip("/"),
        "PIX_ALLOWED_ORIGINS": ",".join(allowed_origins),
        "PIX_TENANTS_DOMAIN": TENANTS_DOMAIN,
        "PIX_MAIL_FROM": outputs["MailFrom"],
        "PIX_PAYNOI_URL": paynoi_url.rstrip("/"),
        **({"PIX_PROMPTPAY_URL": promptpay_url} if promptpay_url else {}),
        **({"PIX_IDENTITY_URL": identity_url} if identity_url else {}),
        **({"PIX_STRIPE_URL": stripe_url} if stripe_url else {}),
        **({"PIX_CLOUDPAYMENTS_URL": cloudpayments_url} if cloudpayments_url else {}),
        **({"PIX_KASPI_URL": kaspi_url} if kaspi_url else {}),
        **({"PIX_PAYPAL_URL": paypal_url, "PIX_PAYPAL_AUTHORITY": paypal_authority} if paypal_url else {}),
        **({"PIX_CRYPTO_URL": crypto_url} if crypto_url else {}),
        **({"PIX_WEBPUSH_URL": webpush_url} if webpush_url else {}),
        "PIX_LIVE_URL": live_url,
        "PIX_LIVE_ENDPOINT": live_endpoint,
        **({"PIX_FACES": "embedded"} if has_engine() else {}),
        **({"PIX_TEXTS": "tesseract"} if shutil.which("tesseract") else {}),
    }


def has_engine() -> bool:
    """Whether `python3 -m infra faces` was here."""
    return all(find_spec(name) is not None for name in ("dlib", "face_recognition_models"))


def put_secrets(
    endpoint: str, outputs: Mapping[str, str], home: Path, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give the emulator this folder's own secrets, made at the first start, and `more`; returns the former."""
    file = home / "secrets.json"
    held = json.loads(file.read_text()) if file.exists() else {}
    values: dict[str, Any] = _new_secrets() | held
    text = json.dumps(values)
    if values.keys() != held.keys():  # the first start, or the first of a release with another kind of key
        part = file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(file)
    told = json.dumps(values | dict(more or {}))
    emulator_client("secretsmanager", endpoint).put_secret_value(SecretId=outputs["SecretId"], SecretString=told)
    return values


def _new_secrets() -> dict[str, Any]:
    return {
        **{key.field: key.fresh() for key in KEYS.values()},
        "paynoi": {
            "api_key": secrets.token_urlsafe(32),
            "key_id": "sandbox",
            "account": "0800000000",
            "type": "1",
        },
        "promptpay": {
            "api_key": secrets.token_urlsafe(24),
            "api_secret": secrets.token_urlsafe(32),
            "biller_id": "099400000000000",
            "reference_prefix": "PIX",
            "webhook_keys": [secrets.token_urlsafe(32)],
        },
        "stripe": {
            "secret_key": f"sk_test_{secrets.token_urlsafe(32)}",
            "publishable_key": f"pk_test_{secrets.token_urlsafe(32)}",
            "webhook_secrets": [f"whsec_{secrets.token_urlsafe(32)}"],
            "return_url": RETURN_URL,
        },
        "cloudpayments": {
            "public_id": f"pk_{secrets.token_urlsafe(16)}",
            "api_secret": secrets.token_urlsafe(32),
        },
        "kaspi": {
            "api_key": secrets.token_urlsafe(32),
            "device_token": secrets.token_urlsafe(24),
            "organization_bin": "210440000000",
        },
        "paypal": {
            "client_id": secrets.token_urlsafe(32),
            "client_secret": secrets.token_urlsafe(32),
            "webhook_ids": [secrets.token_hex(9).upper()],
            "return_url": RETURN_URL,
        },
        "crypto": {
            "api_key": secrets.token_urlsafe(32),
            "webhook_secrets": [secrets.token_urlsafe(32)],
            "return_url": RETURN_URL,
        },
    }


def _template(endpoint: str) -> str:
    """Where CloudFormation finds it: it is too long for a request."""
    s3 = emulator_client("s3", endpoint)
    s3.create_bucket(Bucket=TEMPLATES)
    s3.put_object(Bucket=TEMPLATES, Key=TEMPLATE.name, Body=TEMPLATE.read_bytes())
    return f"{endpoint}/{TEMPLATES}/{TEMPLATE.name}"


def _create_or_update(cloudformation: "CloudFormationClient", url: str, parameters: "list[ParameterTypeDef]") -> None:
    try:
        cloudformation.create_stack(StackName=STACK, TemplateURL=url, Parameters=parameters)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(StackName=STACK, TemplateURL=url, Parameters=parameters)
        except ClientError as refusal:
            if "No updates are to be performed" not in str(refusal):
                raise
            return
    except ClientError as refusal:
        raise DeployFailed(f"CloudFormation refused {TEMPLATE.name}: {refusal}") from refusal

    deadline = time.monotonic() + DEPLOY_SECONDS
    status = "CREATE_IN_PROGRESS"
    while status.endswith("_IN_PROGRESS") and time.monotonic() < deadline:
        time.sleep(0.02)
        status = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
            for event in reversed(events)
            if "FAILED" in event.get("ResourceStatus", "")
        ]
        raise DeployFailed("\n".join([f"The data stack ended as {status}.", *reasons]))


def _expire_items(endpoint: str, outputs: Mapping[str, str]) -> None:
    """Switch TTL on as the template says: the emulator's CloudFormation passes over that property."""
    dynamodb = emulator_client("dynamodb", endpoint)
    wanted = {"AttributeName": "ttl", "Enabled": True}
    for name, table in outputs.items():
        if not name.endswith("TableName"):
            continue
        known = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if known["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def _queue_urls(endpoint: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """The URLs as they are now: the stack remembers those of the port it was made on."""
    sqs = emulator_client("sqs", endpoint)
    arns = {name: arn for name, arn in outputs.items() if arn.startswith("arn:aws:sqs:")}
    return {
        name.removesuffix("Arn") + "Url": sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        for name, arn in arns.items()
    }
