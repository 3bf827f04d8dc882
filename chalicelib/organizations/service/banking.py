"""Bank accounts, sealed: the organization's own, and how photographers' are kept."""

import json
from dataclasses import asdict

from chalicelib.core import log, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.sealing import NotSealed
from chalicelib.organizations.model import BankAccount, Organization, PromptPayId, Proxy
from chalicelib.organizations.service import settings


def seal_account(organization: str, owner: str, account: BankAccount) -> str:
    """An account as it is stored; `owner` is a user's id or the organization's."""
    told = {name: value for name, value in asdict(account).items() if value is not None}
    return sealing.seal(organization, _purpose(owner), json.dumps(told))


def open_account(organization: str, owner: str, sealed: str | None) -> BankAccount | None:
    """The account with its whole number. None also for what no accepted key opens: it has to be told again."""
    if sealed is None:
        return None
    try:
        told = json.loads(sealing.unseal(organization, _purpose(owner), sealed))
    except NotSealed:
        log.warning("a number that nobody can read", organization=organization)
        return None
    proxy = told.pop("promptpay", None)
    return BankAccount(**told, promptpay=PromptPayId(Proxy(proxy["kind"]), proxy["number"]) if proxy else None)


def set_bank_account(actor: Principal, *, version: int, account: BankAccount | None) -> Organization:
    """Where the organization's money goes, or nowhere any more. Raises Conflict."""
    sealed = seal_account(actor.organization, actor.organization, account) if account else None
    return settings.update(actor.organization, version=version, by=actor, bank_account=sealed)


def _purpose(owner: str) -> str:
    return f"bank-account#{owner}"
