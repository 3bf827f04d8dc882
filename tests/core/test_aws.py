from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core import aws as clients

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture
def fresh(aws):
    clients.forget()
    yield
    clients.forget()


@pytest.mark.parametrize(("service", "connect", "read"), [("sqs", 1, 3), ("secretsmanager", 1, 3), ("s3", 2, 20)])
def test_a_call_ends_before_api_gateway_does(service, connect, read):
    config = clients.client(service).meta.config

    assert (config.connect_timeout, config.read_timeout) == (connect, read)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_a_mail_is_sent_once_a_call():
    """SES knows no idempotency key: where the answer is lost, each try of the SDK's own would be one more mail."""
    config: Any = clients.client("ses").meta.config

    assert config.retries["total_max_attempts"] == 1


def test_threads_get_the_same_client():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: clients.client("sqs"), range(8)))

    assert len(set(map(id, made))) == 1


def test_uploads_are_signed_for_the_path_and_by_version_4():
    config: Any = clients.client("s3").meta.config

    assert config.signature_version == "s3v4"
    assert config.s3 == {"addressing_style": "path"}


def test_a_forgotten_client_is_made_again():
    first = clients.client("sqs")
    clients.forget()

    assert clients.client("sqs") is not first
