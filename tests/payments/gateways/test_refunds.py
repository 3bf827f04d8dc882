"""The gateway of the other tests gives money back as the contract says; and one that does not is found out."""

import pytest

from chalicelib.core.errors import Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import GatewayAccount, Returned
from tests.payments.gateways.contract import Call, Ending, RefundContract, RefundState, Trouble
from tests.selling import FakeGateway

ACCOUNT = GatewayAccount("key of ours", "KBANK", "0812345678", "1")
STRANGER = GatewayAccount("key of theirs", "KBANK", "0812345678", "1")


class Guarded(FakeGateway):
    """Knows its customer, and goes wrong before or after what it was asked for."""

    trouble: Trouble | None = None

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        if account != ACCOUNT:
            raise Unprocessable("payment_gateway_refused", "The payment service refused the request.")
        kind, self.trouble = self.trouble, None
        if kind in ("timeout", "error", "redirect"):
            raise Unavailable("payment_gateway_unavailable", "The gateway does not answer.", retry_after=5)
        if kind in ("lost", "garbage"):
            self.fail = {"refund"}
        return self.give_back(transaction_id, amount, key)

    def give_back(self, transaction_id: str, amount: int, key: str) -> Returned:
        return super().refund(ACCOUNT, transaction_id=transaction_id, amount=amount, currency="THB", key=key)


class FakeLab:
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"

    def __init__(self, gateway: Guarded) -> None:
        self.gateway = gateway

    def finish(self, transaction_id: str, how: Ending) -> None:
        self.gateway.set(transaction_id, how)

    def trouble(self, call: Call, kind: Trouble) -> None:
        assert call == "refund"
        self.gateway.trouble = kind

    def returned(self, transaction_id: str) -> int:
        return sum(amount for transaction, amount in self.gateway.returned.values() if transaction == transaction_id)

    def refunds_go(self, how: RefundState) -> None:
        self.gateway.refund_state = how


class TestFake(RefundContract):
    @pytest.fixture
    def lab(self) -> FakeLab:
        return FakeLab(Guarded())


class Forgetful(Guarded):
    """Each request is another refund."""

    def give_back(self, transaction_id: str, amount: int, key: str) -> Returned:
        return super().give_back(transaction_id, amount, f"{key}-{len(self.returned)}")


class Generous(Guarded):
    """Gives back more than came."""

    def give_back(self, transaction_id: str, amount: int, key: str) -> Returned:
        self.set(transaction_id, "captured", amount=10**6)
        return super().give_back(transaction_id, amount, key)


class Hasty(Guarded):
    """Says that it is done, whatever is."""

    def give_back(self, transaction_id: str, amount: int, key: str) -> Returned:
        super().give_back(transaction_id, amount, key)
        return Returned("settled", f"R-{key}")


class Rounding(Guarded):
    """Knows no satang."""

    def give_back(self, transaction_id: str, amount: int, key: str) -> Returned:
        return super().give_back(transaction_id, amount // 100 * 100, key)


@pytest.mark.parametrize(
    ("broken", "case"),
    [
        (Forgetful, lambda lab: RefundContract().test_a_key_stands_for_one_refund(lab)),
        (
            Forgetful,
            lambda lab: RefundContract().test_what_happened_without_an_answer_is_told_when_it_is_asked_again(
                lab, "lost"
            ),
        ),
        (Generous, lambda lab: RefundContract().test_more_than_was_captured_does_not_go_back(lab)),
        (Generous, lambda lab: RefundContract().test_what_nobody_paid_does_not_go_back(lab)),
        (
            Hasty,
            lambda lab: RefundContract().test_a_refund_that_waits_is_asked_about_under_its_key(lab, "settled"),
        ),
        (
            Rounding,
            lambda lab: RefundContract().test_parts_go_back_up_to_what_was_captured_and_not_a_satang_more(lab),
        ),
    ],
)
def test_a_gateway_that_breaks_the_contract_is_found_out(broken, case):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        case(FakeLab(broken()))
