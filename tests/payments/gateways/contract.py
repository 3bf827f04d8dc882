"""What holds for every payment gateway, asked of its adapter against its sandbox over real HTTP.

A gateway joins by subclassing `GatewayContract` with a fixture `lab`: the adapter, an account, and hands on
the sandbox to pay, to break it and to move its clock. `AnyGatewayContract` is for one that keeps no charges, and
`PolledContract` for one that tells nobody; with `KeptChargeContract` where it does keep them. With it goes
`RefundContract`, `InstantRefundContract` where no refund waits, or `NoRefundContract` where the gateway gives no money
back; `LateMoneyContract` where what is over can still be paid, `SameChargeContract` where asking again for a reference
opens no other charge, `HolderContract` where money can be set aside first, and `DisputeContract` where buyers may take
it back.
"""

from datetime import timedelta
from typing import Literal, Protocol

import pytest

from chalicelib.core import clock, ids
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    Disputer,
    Gateway,
    GatewayAccount,
    Holder,
    Keeper,
    Located,
    Means,
    Notification,
    Offer,
    Returned,
    Status,
)

Ending = Literal["captured", "expired", "failed"]
Trouble = Literal["timeout", "lost", "error", "garbage", "redirect", "extra", "odd_status"]
Call = Literal["create", "check", "cancel", "refund", "capture", "dispute"]
DisputeAction = Literal["inquire", "take", "win", "lose", "retract"]
"""What the buyer's side does: it asks, has the money meanwhile, loses, wins, or gives it up."""
RefundState = Literal["pending", "settled", "failed"]
REFERENCE, OTHER = (ids.derived("pay", each) for each in ("one", "other"))


class Lab(Protocol):
    gateway: Gateway
    account: GatewayAccount
    stranger: GatewayAccount
    """An account of somebody else."""
    currency: str
    means: type[Means]
    lifetime: timedelta
    """How long a charge can be paid."""

    def finish(self, transaction_id: str, how: Ending) -> None:
        """What the buyer or time does; the webhook follows."""

    def pass_time(self, by: timedelta) -> None: ...

    def trouble(self, call: Call, kind: Trouble) -> None:
        """Goes wrong once."""

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        """The last one that arrived with its headers; waits for it."""

    def charges(self) -> list[str]:
        """The references of all charges the gateway holds."""

    def requests(self) -> int:
        """How many the gateway received."""


class RefundLab(Protocol):
    """What `RefundContract` asks for: most of it as in `Lab`."""

    gateway: Gateway
    account: GatewayAccount
    stranger: GatewayAccount
    currency: str

    def finish(self, transaction_id: str, how: Ending) -> None: ...

    def trouble(self, call: Call, kind: Trouble) -> None: ...

    def returned(self, transaction_id: str) -> int:
        """What the gateway gave back of a charge or is about to, in minor units."""

    def refunds_go(self, how: RefundState) -> None:
        """How refunds stand from now on, those that are pending too."""


class PolledContract:
    """Of a gateway that says how a charge stands when it is asked."""

    def test_refunds_are_held_to_the_contract_that_fits(self, lab: Lab) -> None:
        assert isinstance(self, InstantRefundContract if lab.gateway.refunds else NoRefundContract)

    def test_what_the_offer_says_of_it_is_so(self, lab: Lab) -> None:
        offer: Offer = lab.gateway.offer  # type: ignore[attr-defined]

        assert offer.holds == isinstance(lab.gateway, Holder) == isinstance(self, HolderContract)
        assert offer.keeps == isinstance(lab.gateway, Keeper)
        assert offer.disputes == isinstance(lab.gateway, Disputer) == isinstance(self, DisputeContract)

    def test_a_charge_says_how_and_until_when_to_pay_it(self, lab: Lab) -> None:
        charge = _create(lab, amount=29900)

        assert 29900 <= charge.payable < 30000
        assert charge.currency == lab.currency
        assert isinstance(charge.means, lab.means)
        assert charge.expires_at.utcoffset() == timedelta(0)
        assert lab.lifetime - timedelta(minutes=1) < charge.expires_at - clock.now() <= lab.lifetime

    def test_a_token_that_nobody_gave_is_no_payment_method(self, lab: Lab) -> None:
        with pytest.raises(Unprocessable, match=r"method_not_saved_here|payment_method_unknown"):
            lab.gateway.describe_method(lab.account, "tok_of_nobody")

    def test_what_was_asked_comes_back(self, lab: Lab) -> None:
        charge = _create(lab, REFERENCE, 149900)

        status = lab.gateway.check(lab.account, charge.transaction_id)

        assert status.transaction_id == charge.transaction_id
        assert (status.state, status.amount) == ("pending", charge.payable)
        assert (status.reference, status.currency) == (REFERENCE, lab.currency)
        assert status.account in (None, lab.account.account)

    @pytest.mark.parametrize("how", ["captured", "expired", "failed"])
    def test_every_ending_is_told(self, lab: Lab, how: Ending) -> None:
        charge = _create(lab)

        lab.finish(charge.transaction_id, how)

        status = lab.gateway.check(lab.account, charge.transaction_id)
        assert (status.state, status.amount) == (how, charge.payable)

    def test_a_charge_expires_by_itself(self, lab: Lab) -> None:
        charge = _create(lab)

        lab.pass_time(lab.lifetime + timedelta(minutes=1))

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "expired"

    def test_a_paid_charge_is_not_cancelled(self, lab: Lab) -> None:
        charge = _create(lab)
        lab.finish(charge.transaction_id, "captured")

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            lab.gateway.cancel(lab.account, charge.transaction_id)

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "captured"

    def test_a_state_nobody_has_heard_of_is_unknown(self, lab: Lab) -> None:
        charge = _create(lab)
        lab.trouble("check", "odd_status")

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "unknown"

    @pytest.mark.parametrize("call", ["check", "cancel"])
    def test_unknown_fields_are_ignored(self, lab: Lab, call: Call) -> None:
        charge = _create(lab)
        lab.trouble(call, "extra")

        answer = _call(lab, call, charge.transaction_id)

        assert answer is not None or call == "cancel"

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    @pytest.mark.parametrize("call", ["check", "cancel"])
    def test_a_gateway_in_trouble_is_unavailable_and_the_next_call_succeeds(
        self, lab: Lab, call: Call, kind: Trouble
    ) -> None:
        charge = _create(lab)
        lab.trouble(call, kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable") as raised:
            _call(lab, call, charge.transaction_id)

        assert raised.value.retry_after is not None
        assert raised.value.retry_after > 0
        _call(lab, call, charge.transaction_id)

    def test_an_unknown_transaction_is_refused(self, lab: Lab) -> None:
        for call in ("check", "cancel"):
            with pytest.raises(Unprocessable, match="payment_gateway_refused"):
                _call(lab, call, "nobody")

    def test_a_stranger_learns_nothing_of_a_charge(self, lab: Lab) -> None:
        charge = _create(lab)

        with pytest.raises(Unprocessable, match="payment_gateway_refused") as raised:
            lab.gateway.check(lab.stranger, charge.transaction_id)

        assert lab.stranger.api_key not in str(raised.value)
        assert raised.value.__cause__ is None

    def test_keys_do_not_show(self, lab: Lab) -> None:
        account = lab.account
        assert not [key for key in (account.api_key, *account.webhook_secrets) if key in repr(account)]


class AnyGatewayContract(PolledContract):
    """Of a gateway that hears of a charge only when it is paid, too."""

    def test_a_webhook_is_proven_for_its_account_and_for_no_other(self, lab: Lab) -> None:
        charge = _create(lab)
        lab.finish(charge.transaction_id, "captured")

        raw, headers = lab.webhook()

        told = lab.gateway.verify(lab.account, raw, headers)
        assert lab.gateway.locate(raw, headers) == Located(told.transaction_id, REFERENCE)
        assert told.reference == REFERENCE
        assert lab.gateway.check(lab.account, told.transaction_id).transaction_id == charge.transaction_id
        assert lab.gateway.acknowledgement(told)
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(lab.stranger, raw, headers)


class KeptChargeContract:
    """A gateway that is told of each charge before anybody pays it."""

    def test_a_lost_answer_leaves_a_charge_behind(self, lab: Lab) -> None:
        lab.trouble("create", "lost")

        with pytest.raises(Unavailable):
            _create(lab, REFERENCE)

        assert lab.charges() == [REFERENCE]

    def test_a_redirect_is_not_followed(self, lab: Lab) -> None:
        lab.trouble("create", "redirect")

        with pytest.raises(Unavailable):
            _create(lab)

        assert lab.charges() == []

    def test_a_refusal_tells_nothing_of_the_gateways_own_words(self, lab: Lab) -> None:
        with pytest.raises(Unprocessable, match="payment_gateway_refused") as raised:
            lab.gateway.create(lab.stranger, amount=7900, currency=lab.currency, reference=REFERENCE)

        assert lab.stranger.api_key not in str(raised.value)
        assert raised.value.__cause__ is None
        assert lab.charges() == []

    def test_unknown_fields_about_a_new_charge_are_ignored(self, lab: Lab) -> None:
        lab.trouble("create", "extra")

        assert _create(lab).transaction_id

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    def test_trouble_with_a_new_charge_is_over_with_the_next_call(self, lab: Lab, kind: Trouble) -> None:
        lab.trouble("create", kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
            _create(lab)

        assert _create(lab).transaction_id


class GatewayContract(AnyGatewayContract, KeptChargeContract):
    """Of a gateway that keeps each charge, whatever becomes of it."""

    def test_a_cancelled_charge_is_over_and_cancelling_again_changes_nothing(self, lab: Lab) -> None:
        charge = _create(lab)

        lab.gateway.cancel(lab.account, charge.transaction_id)
        lab.gateway.cancel(lab.account, charge.transaction_id)

        assert lab.gateway.check(lab.account, charge.transaction_id).state in ("expired", "failed")

    @pytest.mark.parametrize("how", ["captured", "expired", "failed"])
    def test_a_webhook_of_any_ending_is_signed(self, lab: Lab, how: Ending) -> None:
        charge = _create(lab)
        lab.finish(charge.transaction_id, how)

        raw, headers = lab.webhook()

        assert lab.gateway.verify(lab.account, raw, headers) == Notification(charge.transaction_id, REFERENCE)
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(lab.account, raw.replace(REFERENCE.encode(), OTHER.encode()), headers)


class LateLab(Lab, Protocol):
    def overpay(self, transaction_id: str, amount: int) -> None: ...


class LateMoneyContract:
    """A charge that was paid from outside of the gateway: late, or with another amount."""

    def test_money_can_still_come_after_the_end(self, lab: LateLab) -> None:
        charge = _create(lab)
        lab.pass_time(lab.lifetime + timedelta(minutes=1))

        lab.finish(charge.transaction_id, "captured")

        assert lab.gateway.check(lab.account, charge.transaction_id).state == "captured"

    def test_the_amount_is_what_was_paid(self, lab: LateLab) -> None:
        charge = _create(lab)

        lab.overpay(charge.transaction_id, 1234567)

        assert lab.gateway.check(lab.account, charge.transaction_id).amount == 1234567


class SameChargeContract:
    """A gateway that knows a reference again."""

    @pytest.mark.parametrize("kind", ["lost", "garbage", None])
    def test_asking_again_finds_the_charge(self, lab: Lab, kind: Trouble | None) -> None:
        if kind is None:
            first = _create(lab).transaction_id
        else:
            lab.trouble("create", kind)
            with pytest.raises(Unavailable):
                _create(lab)
            first = _create(lab).transaction_id

        again = _create(lab)

        assert again.transaction_id == first
        assert lab.charges() == [REFERENCE]


class HolderContract:
    """A gateway that may set the money aside before it takes it."""

    @staticmethod
    def _held(lab: Lab) -> tuple[Holder, str]:
        assert isinstance(lab.gateway, Holder)
        charge = lab.gateway.hold(lab.account, amount=7900, currency=lab.currency, reference=REFERENCE)
        assert lab.gateway.check(lab.account, charge.transaction_id).state == "pending"
        return lab.gateway, charge.transaction_id

    def test_what_is_set_aside_is_taken_once(self, lab: Lab) -> None:
        holder, transaction = self._held(lab)
        lab.finish(transaction, "captured")

        aside = holder.check(lab.account, transaction)
        for _ in range(2):
            holder.capture(lab.account, transaction)

        assert (aside.state, aside.amount) == ("authorized", 7900)
        taken = holder.check(lab.account, transaction)
        assert (taken.state, taken.amount, taken.reference) == ("captured", 7900, REFERENCE)
        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            holder.cancel(lab.account, transaction)

    def test_what_is_set_aside_is_let_go(self, lab: Lab) -> None:
        holder, transaction = self._held(lab)
        lab.finish(transaction, "captured")

        for _ in range(2):
            holder.cancel(lab.account, transaction)

        assert holder.check(lab.account, transaction).state in ("expired", "failed")
        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            holder.capture(lab.account, transaction)

    def test_nothing_is_taken_that_nobody_set_aside(self, lab: Lab) -> None:
        holder, transaction = self._held(lab)

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            holder.capture(lab.account, transaction)

        assert holder.check(lab.account, transaction).state == "pending"

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    def test_trouble_with_taking_it_is_over_with_the_next_call(self, lab: Lab, kind: Trouble) -> None:
        holder, transaction = self._held(lab)
        lab.finish(transaction, "captured")
        lab.trouble("capture", kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
            holder.capture(lab.account, transaction)
        holder.capture(lab.account, transaction)

        assert holder.check(lab.account, transaction).state == "captured"


class DisputeLab(Lab, Protocol):
    def dispute(self, transaction_id: str, action: DisputeAction) -> str:
        """What the gateway calls the dispute; the webhook about what happened arrived."""


class DisputeContract:
    """A gateway through which buyers' banks, or it itself, take money back."""

    @staticmethod
    def _contested(lab: DisputeLab, action: DisputeAction) -> tuple[Charge, str]:
        charge = _create(lab)
        lab.finish(charge.transaction_id, "captured")
        return charge, lab.dispute(charge.transaction_id, action)

    @staticmethod
    def _told(lab: DisputeLab, dispute: str) -> Disputed:
        assert isinstance(lab.gateway, Disputer)
        return lab.gateway.dispute(lab.account, dispute)

    @pytest.mark.parametrize(
        ("actions", "states"),
        [
            (("inquire", "take", "win"), [("inquiry", 0), ("open", 7900), ("won", 0)]),
            (("inquire", "take", "lose"), [("inquiry", 0), ("open", 7900), ("lost", 7900)]),
            (("take", "lose"), [("open", 7900), ("lost", 7900)]),
            (("inquire", "retract"), [("inquiry", 0), ("closed", 0)]),
        ],
    )
    def test_a_dispute_is_told_as_it_stands(
        self, lab: DisputeLab, actions: tuple[DisputeAction, ...], states: list[tuple[str, int]]
    ) -> None:
        charge, dispute = self._contested(lab, actions[0])
        told = [self._told(lab, dispute)]

        for action in actions[1:]:
            assert lab.dispute(charge.transaction_id, action) == dispute
            told.append(self._told(lab, dispute))

        assert [(each.state, each.withdrawn) for each in told] == states
        assert {(each.amount, each.currency) for each in told} == {(7900, lab.currency)}
        assert told[0].due_at is not None
        assert told[0].due_at > clock.now()
        assert all(each.reason for each in told)

    def test_a_webhook_about_a_dispute_names_it_and_what_was_captured(self, lab: DisputeLab) -> None:
        charge, dispute = self._contested(lab, "take")
        status = lab.gateway.check(lab.account, charge.transaction_id)
        named = status.capture or status.transaction_id

        raw, headers = lab.webhook()

        assert lab.gateway.locate(raw, headers) == Located(named, "", dispute)
        assert lab.gateway.verify(lab.account, raw, headers) == Notification(named, "", dispute)
        assert self._told(lab, dispute).transaction_id == named
        other = raw.replace(dispute.encode(), dispute[::-1].encode())
        for account, body in ((lab.stranger, raw), (lab.account, other)):
            with pytest.raises(Unauthorized, match="invalid_signature"):
                lab.gateway.verify(account, body, headers)

    def test_nobody_else_knows_of_a_dispute(self, lab: DisputeLab) -> None:
        _, dispute = self._contested(lab, "take")
        assert isinstance(lab.gateway, Disputer)

        for account, name in ((lab.stranger, dispute), (lab.account, "nobody"), (lab.account, "")):
            with pytest.raises(Unprocessable, match="payment_gateway_refused") as raised:
                lab.gateway.dispute(account, name)
            assert raised.value.__cause__ is None

    @pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
    def test_trouble_with_a_dispute_is_over_with_the_next_call(self, lab: DisputeLab, kind: Trouble) -> None:
        _, dispute = self._contested(lab, "take")
        lab.trouble("dispute", kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
            self._told(lab, dispute)

        assert self._told(lab, dispute).state == "open"

    def test_unknown_fields_of_a_dispute_are_ignored(self, lab: DisputeLab) -> None:
        _, dispute = self._contested(lab, "take")
        lab.trouble("dispute", "extra")

        assert self._told(lab, dispute).state == "open"

    def test_a_dispute_in_a_state_nobody_has_heard_of_is_unknown(self, lab: DisputeLab) -> None:
        _, dispute = self._contested(lab, "take")
        lab.trouble("dispute", "odd_status")

        told = self._told(lab, dispute)
        assert (told.state, told.withdrawn) == ("unknown", 7900)


class NoRefundContract:
    def test_money_goes_back_by_hand_and_the_gateway_is_not_even_asked(self, lab: Lab) -> None:
        charge = _create(lab)
        lab.finish(charge.transaction_id, "captured")
        lab.gateway.check(lab.account, charge.transaction_id)
        before = lab.requests()

        assert not lab.gateway.refunds
        with pytest.raises(Unprocessable, match="refund_by_hand"):
            lab.gateway.refund(
                lab.account, transaction_id=charge.transaction_id, amount=7900, currency=lab.currency, key="rfd_1"
            )

        assert lab.requests() == before > 0


class InstantRefundContract:
    """A gateway that gives money back gives each refund once, however often and brokenly it is asked for."""

    def test_all_of_a_charge_goes_back(self, lab: RefundLab) -> None:
        charge = _captured(lab)

        answer = _refund(lab, charge, charge.payable)

        assert (answer.state, bool(answer.reference)) == ("settled", True)
        assert lab.returned(charge.transaction_id) == charge.payable
        assert lab.gateway.check(lab.account, charge.transaction_id).state == "captured"

    def test_parts_go_back_up_to_what_was_captured_and_not_a_satang_more(self, lab: RefundLab) -> None:
        charge = _captured(lab)
        first = _refund(lab, charge, 1, "rfd_1")
        second = _refund(lab, charge, charge.payable - 2, "rfd_2")

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            _refund(lab, charge, 2, "rfd_3")
        last = _refund(lab, charge, 1, "rfd_4")

        assert len({answer.reference for answer in (first, second, last)}) == 3
        assert lab.returned(charge.transaction_id) == charge.payable

    def test_more_than_was_captured_does_not_go_back(self, lab: RefundLab) -> None:
        charge = _captured(lab)

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            _refund(lab, charge, charge.payable + 1)

        assert lab.returned(charge.transaction_id) == 0

    def test_what_nobody_paid_does_not_go_back(self, lab: RefundLab) -> None:
        charge = _create(lab)

        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            _refund(lab, charge, 1)

        assert lab.returned(charge.transaction_id) == 0

    def test_a_key_stands_for_one_refund(self, lab: RefundLab) -> None:
        charge = _captured(lab)

        answers = [_refund(lab, charge, 1000) for _ in range(3)]
        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            _refund(lab, charge, 2000)

        assert answers == [answers[0]] * 3
        assert lab.returned(charge.transaction_id) == 1000

    def test_keys_of_two_charges_do_not_meet(self, lab: RefundLab) -> None:
        first, second = _captured(lab, REFERENCE), _captured(lab, OTHER)

        _refund(lab, first, 1000, "rfd_1")
        _refund(lab, second, 2000, "rfd_2")

        assert [lab.returned(charge.transaction_id) for charge in (first, second)] == [1000, 2000]

    @pytest.mark.parametrize("kind", ["lost", "garbage"])
    def test_what_happened_without_an_answer_is_told_when_it_is_asked_again(
        self, lab: RefundLab, kind: Trouble
    ) -> None:
        charge = _captured(lab)
        lab.trouble("refund", kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
            _refund(lab, charge, 1000)

        assert lab.returned(charge.transaction_id) == 1000
        assert _refund(lab, charge, 1000).state == "settled"
        assert lab.returned(charge.transaction_id) == 1000

    @pytest.mark.parametrize("kind", ["timeout", "error", "redirect"])
    def test_what_did_not_happen_happens_when_it_is_asked_again(self, lab: RefundLab, kind: Trouble) -> None:
        charge = _captured(lab)
        lab.trouble("refund", kind)

        with pytest.raises(Unavailable, match="payment_gateway_unavailable") as raised:
            _refund(lab, charge, 1000)

        assert raised.value.retry_after is not None
        assert lab.returned(charge.transaction_id) == 0
        assert _refund(lab, charge, 1000).state == "settled"
        assert lab.returned(charge.transaction_id) == 1000

    def test_unknown_fields_of_a_refund_are_ignored(self, lab: RefundLab) -> None:
        charge = _captured(lab)
        lab.trouble("refund", "extra")

        assert _refund(lab, charge, 1000).state == "settled"

    def test_a_refund_of_somebody_elses_charge_is_refused_without_its_words(self, lab: RefundLab) -> None:
        charge = _captured(lab)

        for account, transaction in ((lab.stranger, charge.transaction_id), (lab.account, "nobody")):
            with pytest.raises((Unprocessable, Unavailable), match="payment_gateway_") as raised:
                lab.gateway.refund(account, transaction_id=transaction, amount=1, currency=lab.currency, key="rfd_1")
            assert raised.value.__cause__ is None

        assert lab.returned(charge.transaction_id) == 0


class RefundContract(InstantRefundContract):
    """Of a gateway that may take its time."""

    @pytest.mark.parametrize("how", ["settled", "failed"])
    def test_a_refund_that_waits_is_asked_about_under_its_key(self, lab: RefundLab, how: RefundState) -> None:
        charge = _captured(lab)
        lab.refunds_go("pending")
        waiting = [_refund(lab, charge, 1000) for _ in range(2)]
        lab.refunds_go(how)

        ended = [_refund(lab, charge, 1000) for _ in range(2)]

        assert [answer.state for answer in (*waiting, *ended)] == ["pending", "pending", how, how]
        assert lab.returned(charge.transaction_id) == (1000 if how == "settled" else 0)


def _create(lab: Lab | RefundLab, reference: str = REFERENCE, amount: int = 7900) -> Charge:
    return lab.gateway.create(lab.account, amount=amount, currency=lab.currency, reference=reference)


def _captured(lab: RefundLab, reference: str = REFERENCE) -> Charge:
    charge = _create(lab, reference)
    lab.finish(charge.transaction_id, "captured")
    return charge


def _refund(lab: RefundLab, charge: Charge, amount: int, key: str = "rfd_1") -> Returned:
    return lab.gateway.refund(
        lab.account, transaction_id=charge.transaction_id, amount=amount, currency=lab.currency, key=key
    )


def _call(lab: Lab, call: str, transaction_id: str) -> object:
    if call == "create":
        return _create(lab, OTHER, 9900)
    if call == "check":
        found: Status = lab.gateway.check(lab.account, transaction_id)
        return found
    lab.gateway.cancel(lab.account, transaction_id)
    return None
