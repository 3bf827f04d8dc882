"""What holds for every payment gateway, asked of its adapter against its sandbox over real HTTP.

A gateway joins by subclassing `GatewayContract` with a fixture `lab`: the adapter, an account, and hands on
the sandbox to pay, to break it and to move its clock.
"""

import io
from datetime import timedelta
from typing import Literal, Protocol

import pytest
from PIL import Image

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import Gateway, GatewayAccount, Located, Notification, Status

Ending = Literal["captured", "expired", "failed"]
Trouble = Literal["timeout", "lost", "error", "garbage", "redirect", "extra", "odd_status"]
Call = Literal["create", "check", "cancel"]


class Lab(Protocol):
    gateway: Gateway
    account: GatewayAccount
    stranger: GatewayAccount
    """An account of somebody else."""

    def finish(self, transaction_id: str, how: Ending) -> None:
        """What the buyer or time does; the webhook follows."""

    def overpay(self, transaction_id: str, amount: int) -> None: ...

    def pass_time(self, by: timedelta) -> None: ...

    def trouble(self, call: Call, kind: Trouble) -> None:
        """Goes wrong once."""

    def webhook(self) -> bytes:
        """The last one that arrived; waits for it."""

    def charges(self) -> list[str]:
        """The references of all charges the gateway holds."""


class GatewayContract:
    def test_a_charge_shows_a_qr_code_for_an_amount_within_a_tail_of_what_was_asked(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=29900, reference="pay_1")

        assert 29900 <= charge.payable < 30000
        assert charge.currency == "THB"
        assert charge.expires_at.utcoffset() == timedelta(0)
        assert timedelta(minutes=14) < charge.expires_at - clock.now() <= timedelta(minutes=15)
        with Image.open(io.BytesIO(charge.qr_png)) as picture:
            assert picture.format == "PNG"
            assert picture.width >= 200

    def test_a_token_that_nobody_gave_is_no_payment_method(self, lab: Lab) -> None:
        with pytest.raises(Unprocessable, match=r"method_not_saved_here|payment_method_unknown"):
            lab.gateway.describe_method(lab.account, "tok_of_nobody")

    def test_open_charges_of_one_price_ask_for_different_amounts(self, lab: Lab) -> None:
        charges = [lab.gateway.create(lab.account, amount=7900, reference=f"pay_{n}") for n in range(20)]

        assert len({charge.payable for charge in charges}) == 20

    def test_what_was_asked_comes_back(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=149900, reference="pay_back")

        status = lab.gateway.check(lab.account, charge.transaction_id)

        assert status.transaction_id == charge.transaction_id
        assert (status.state, status.amount) == ("pending", charge.payable)
        assert (status.reference, status.currency) == ("pay_back", "THB")
        assert status.account in (None, lab.account.account)

    @pytest.mark.parametrize("how", ["captured", "expired", "failed"])
    def test_every_ending_is_told(self, lab: Lab, how: Ending) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")

        lab.finish(charge.transaction_id, how)

        status = lab.gateway.check(lab.account, charge.transaction_id)
        assert (status.state, status.amount) == (how, charge.payable)

    def test_a_charge_expires_by_itself(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")

        lab.pass_time(timedelta(minutes=16))

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "expired"

    def test_money_can_still_come_after_the_end(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.pass_time(timedelta(minutes=16))

        lab.finish(charge.transaction_id, "captured")

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "captured"

    def test_the_amount_is_what_was_paid(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")

        lab.overpay(charge.transaction_id, 1234567)

        assert lab.gateway.check(lab.account, charge.transaction_id).amount == 1234567

    def test_a_cancelled_charge_is_over_and_cancelling_again_changes_nothing(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")

        lab.gateway.cancel(lab.account, charge.transaction_id)
        lab.gateway.cancel(lab.account, charge.transaction_id)

        assert lab.gateway.check(lab.account, charge.transaction_id).state in ("expired", "failed")

    def test_a_paid_charge_is_not_cancelled(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.finish(charge.transaction_id, "captured")

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            lab.gateway.cancel(lab.account, charge.transaction_id)

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "captured"

    def test_a_state_nobody_has_heard_of_is_unknown(self, lab: Lab) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.trouble("check", "odd_status")

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "unknown"

    @pytest.mark.parametrize("call", ["create", "check", "cancel"])
    def test_unknown_fields_are_ignored(self, lab: Lab, call: Call) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.trouble(call, "extra")

        answer = _call(lab, call, charge.transaction_id)

        assert answer is not None or call == "cancel"

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    @pytest.mark.parametrize("call", ["create", "check", "cancel"])
    def test_a_gateway_in_trouble_is_unavailable_and_the_next_call_succeeds(
        self, lab: Lab, call: Call, kind: Trouble
    ) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.trouble(call, kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable") as raised:
            _call(lab, call, charge.transaction_id)

        assert raised.value.retry_after is not None
        assert raised.value.retry_after > 0
        _call(lab, call, charge.transaction_id)

    def test_a_lost_answer_leaves_a_charge_behind(self, lab: Lab) -> None:
        lab.trouble("create", "lost")

        with pytest.raises(Unavailable):
            lab.gateway.create(lab.account, amount=7900, reference="pay_lost")

        assert lab.charges() == ["pay_lost"]

    def test_a_redirect_is_not_followed(self, lab: Lab) -> None:
        lab.trouble("create", "redirect")

        with pytest.raises(Unavailable):
            lab.gateway.create(lab.account, amount=7900, reference="pay_1")

        assert lab.charges() == []

    def test_a_refusal_tells_nothing_of_the_gateways_own_words(self, lab: Lab) -> None:
        with pytest.raises(Unprocessable, match="payment_gateway_refused") as raised:
            lab.gateway.create(lab.stranger, amount=7900, reference="pay_1")

        assert "api_key" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert lab.charges() == []

    def test_an_unknown_transaction_is_refused(self, lab: Lab) -> None:
        for call in ("check", "cancel"):
            with pytest.raises(Unprocessable, match="payment_gateway_refused"):
                _call(lab, call, "nobody")

    @pytest.mark.parametrize("how", ["captured", "expired", "failed"])
    def test_a_webhook_is_proven_for_its_account_and_for_no_other(self, lab: Lab, how: Ending) -> None:
        charge = lab.gateway.create(lab.account, amount=7900, reference="pay_1")
        lab.finish(charge.transaction_id, how)

        raw = lab.webhook()

        assert lab.gateway.locate(raw) == Located(charge.transaction_id, "pay_1")
        assert lab.gateway.verify(lab.account, raw) == Notification(charge.transaction_id, "pay_1")
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(lab.stranger, raw)

    def test_keys_do_not_show(self, lab: Lab) -> None:
        assert lab.account.api_key not in repr(lab.account)


def _call(lab: Lab, call: str, transaction_id: str) -> object:
    if call == "create":
        return lab.gateway.create(lab.account, amount=9900, reference="pay_2")
    if call == "check":
        found: Status = lab.gateway.check(lab.account, transaction_id)
        return found
    lab.gateway.cancel(lab.account, transaction_id)
    return None
