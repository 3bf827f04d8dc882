from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from typing import Any, get_overloads

import pytest

from chalicelib.core import aws as clients

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture
def fresh(aws):
    clients.forget()
    yield
    clients.forget()


@pytest.mark.parametrize(
    ("service", "connect", "read"), [("dynamodb", 1, 3), ("sqs", 1, 3), ("secretsmanager", 1, 3), ("s3", 2, 20)]
)
def test_a_call_ends_before_api_gateway_does(service, connect, read):
    config = clients.client(service).meta.config

    assert (config.connect_timeout, config.read_timeout) == (connect, read)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_a_mail_is_sent_once_a_call():
    """SES knows no idempotency key: where the answer is lost, each try of the SDK's own would be one more mail."""
    config: Any = clients.client("ses").meta.config

    assert config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize("service", ["sqs", "dynamodb"])
def test_threads_get_the_same_client(service):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: clients.client(service), range(8)))

    assert len(set(map(id, made))) == 1


def test_uploads_are_signed_for_the_path_and_by_version_4():
    config: Any = clients.client("s3").meta.config

    assert config.signature_version == "s3v4"
    assert config.s3 == {"addressing_style": "path"}


def test_a_forgotten_client_is_made_again():
    first = clients.client("sqs")
    clients.forget()

    assert clients.client("sqs") is not first


def test_every_service_that_the_code_asks_for_is_known():
    wanted = [signature(each).parameters["service"].annotation.__args__[0] for each in get_overloads(clients.client)]

    assert "dynamodb" in wanted
    assert [clients.client(name).meta.service_model.service_name for name in wanted] == wanted
