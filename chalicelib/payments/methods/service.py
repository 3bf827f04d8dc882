"""Saving, listing and forgetting payment methods."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chalicelib.core import clock, ids, log, outbox, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations
from chalicelib.payments import gateways, offering
from chalicelib.payments.methods import store
from chalicelib.payments.methods.messages import MethodForgotten
from chalicelib.payments.methods.model import Customer, SavedMethod, Wallet, refuse_card_number
from chalicelib.payments.offering import Offered

_TRIES = 5


def list_methods(principal: Principal) -> Wallet:
    return store.wallet_of(principal.organization, principal.known_user)


def offered(principal: Principal, amount: int | None) -> tuple[list[Offered], Wallet | None]:
    """How one may pay here, and what a signed-in caller has saved."""
    currency = organizations.get(principal.organization).currency
    saved = list_methods(principal) if principal.user else None
    return offering.offered(principal.organization, currency, amount), saved


def save_method(principal: Principal, *, gateway: str, token: str) -> tuple[Wallet, SavedMethod]:
    """Keep what a gateway's token stands for; one that is there already stays as it is.

    The gateway is asked what it is, not the caller. Raises Invalid for a card's number or an unknown gateway,
    Unprocessable where the gateway keeps none or does not know the token, Conflict.
    """
    refuse_card_number(token)
    if gateway not in gateways.NAMES:
        raise Invalid("unknown_gateway", f"Gateways are {', '.join(sorted(gateways.NAMES))}.", field="gateway")
    organization, user = principal.organization, principal.known_user
    found = gateways.of_name(gateway).describe_method(gateways.account_of(organization, gateway), token)
    id = ids.derived("pmt", organization, user, gateway, token)
    sealed = sealing.seal(organization, f"payment-method#{id}", token)
    method = SavedMethod(id, gateway, sealed, found.brand, found.last4, found.expires, clock.now())
    wallet = _change(principal, lambda wallet: wallet.add(method))
    return wallet, wallet.find(id)


def forget_method(principal: Principal, method_id: str) -> None:
    """Its gateway forgets it, too, after this. Raises NotFound."""
    for _ in range(_TRIES):
        wallet = list_methods(principal)
        method = wallet.find(method_id)
        fact = MethodForgotten(
            organization=wallet.organization,
            user=wallet.user,
            method=method.id,
            gateway=method.gateway,
            sealed=method.sealed,
        )
        with suppress(Conflict):
            transact(store.save(wallet.remove(method_id), was=wallet), outbox.publish(fact))
            return
    raise _restless()


def detach(organization: str, user: str, method: str, gateway: str, sealed: str) -> Outcome:
    """Have a gateway forget a method that its owner took away, unless they brought it again. Twice is once.

    Raises Unavailable.
    """
    if store.wallet_of(organization, user).has(method):
        return Outcome.SKIPPED
    try:
        keeper, account = gateways.keeper(gateway), gateways.account_of(organization, gateway)
        keeper.detach(account, sealing.unseal(organization, f"payment-method#{method}", sealed))
    except (Unprocessable, sealing.NotSealed) as refusal:  # it keeps none, there is no account, or no key opens it
        log.info("method not detached", organization=organization, reason=type(refusal).__name__)
        return Outcome.SKIPPED
    return Outcome.SUCCESS


def make_default(principal: Principal, method_id: str) -> Wallet:
    """Raises NotFound."""
    return _change(principal, lambda wallet: wallet.make_default(method_id))


def token_of(organization: str, method: SavedMethod) -> str:
    """What the gateway knows the method by. Raises sealing.NotSealed."""
    return sealing.unseal(organization, f"payment-method#{method.id}", method.sealed)


def customer_of(principal: Principal, gateway: str, enrol: Callable[[], str]) -> str:
    """What the caller is called at a gateway; who is new there is enrolled. Of two at once one stays."""
    known = list_methods(principal).customer_of(gateway)
    if known is not None:
        return known
    enrolled = Customer(gateway, enrol())
    wallet = _change(principal, lambda wallet: wallet.known_as(enrolled))
    return wallet.customer_of(gateway) or enrolled.id


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    """The saved methods as their owner knows them; a gateway's token is no use to anybody but us."""
    return [
        {
            "gateway": method.gateway,
            "brand": method.brand,
            "last4": method.last4,
            "expires": method.expires,
            "added_at": method.added_at,
        }
        for method in store.wallet_of(organization, user).methods
    ]


def erase_person(organization: str, user: str) -> None:
    """Forget all methods, at their gateways too. May run again. Raises Unavailable where a gateway is silent."""
    for customer in store.wallet_of(organization, user).customers:
        with suppress(Unprocessable):  # the organization has no account there any more
            account = gateways.account_of(organization, customer.gateway)
            gateways.keeper(customer.gateway).dismiss(account, customer.id)
    transact(store.forget(organization, user))


def _change(principal: Principal, change: Callable[[Wallet], Wallet]) -> Wallet:
    """Change the wallet as it is now: two who write at once both get what they asked for."""
    for _ in range(_TRIES):
        wallet = list_methods(principal)
        changed = change(wallet)
        if changed is wallet:
            return wallet
        write = store.save(changed, was=wallet)
        try:
            transact(write)
            return changed
        except Conflict:
            continue
    raise _restless()


def _restless() -> Conflict:
    return Conflict("changed_meanwhile", "Your payment methods keep changing. Try again.")
