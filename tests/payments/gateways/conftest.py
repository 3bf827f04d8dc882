import pytest

pytest.register_assert_rewrite("tests.payments.gateways.contract")
