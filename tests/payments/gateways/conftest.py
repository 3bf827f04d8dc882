from collections.abc import Iterator

import pytest

from tests.payments.gateways.receiver import Receiver, receiver

pytest.register_assert_rewrite("tests.payments.gateways.contract")


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as server:
        yield server
