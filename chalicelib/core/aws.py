"""boto3 clients with time-outs that end before API Gateway's 29 seconds do."""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, get_args, get_overloads, overload

from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# (connect, read) seconds. Moving a 50 MB original takes longer than a queue send.
_TIMEOUTS = {"s3": (2, 20), "ses": (2, 10), "sesv2": (2, 10), "sns": (2, 10), "rekognition": (2, 10)}
_DEFAULT_TIMEOUT = (1, 3)
# Mails and texts have no idempotency key: each try whose answer is lost is one more. The queue tries again, once.
# Nor have faces that Rekognition takes in, which would be there twice: whoever asked again says so.
_ATTEMPTS = {"ses": 1, "sesv2": 1, "sns": 1, "rekognition": 1}
_DEFAULT_ATTEMPTS = 3
_building = Lock()


@overload
def client(service: Literal["dynamodb"]) -> "DynamoDBClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["sqs"]) -> "SQSClient": ...
@overload
def client(service: Literal["ses"]) -> "SESClient": ...
@overload
def client(service: Literal["sesv2"]) -> Any: ...
@overload
def client(service: Literal["sns"]) -> "SNSClient": ...
@overload
def client(service: Literal["apigatewaymanagementapi"]) -> "ApiGatewayManagementApiClient": ...
@overload
def client(service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["rekognition"]) -> Any: ...
def client(service: Any) -> Any:
    """One client per service and process. Threads may share a client, but not make two at the same time."""
    with _building:
        return _build(service)


@cache
def _build(service: Any) -> Any:
    from botocore.config import Config

    connect, read = _TIMEOUTS.get(service, _DEFAULT_TIMEOUT)
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS.get(service, _DEFAULT_ATTEMPTS)},
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"} if service == "s3" else None,
        max_pool_connections=50,
        parameter_validation=service != "dynamodb",  # PynamoDB makes only what is valid
    )
    # The websockets' management API has an address of each API's own, which botocore can not know.
    endpoint = settings().connections_url if service == "apigatewaymanagementapi" else None
    return _session().create_client(service, config=config, endpoint_url=endpoint)


@cache
def _session() -> Any:
    """All clients share one: each session reads botocore's lists of endpoints and services anew."""
    from botocore.loaders import Loader
    from botocore.session import get_session

    class OurServices(Loader):
        """Botocore looks through the folders of all four hundred services before it opens one."""

        def list_available_services(self, type_name: str) -> list[str]:
            return [name for each in get_overloads(client) for name in get_args(each.__annotations__["service"])]

    session = get_session()
    session.register_component("data_loader", OurServices())
    return session


def forget() -> None:
    """Drop the clients: for tests that swap the endpoint under a running process."""
    _build.cache_clear()
    _session.cache_clear()
