"""Mails and texts to people about their accounts."""

from typing import Any

from chalicelib.accounts import service
from chalicelib.accounts.addresses import is_phone
from chalicelib.accounts.messages import (
    AccountChanged,
    AddressRegisteredAgain,
    CodeIssued,
    NewDeviceSeen,
    SampleAsked,
    SignUpCodeIssued,
)
from chalicelib.accounts.model import CODE_LASTS, Notice, Purpose, User
from chalicelib.core.queues import Fact, Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Place, Reader


@on(SignUpCodeIssued, queue="emails")
def mail_sign_up_code(fact: SignUpCodeIssued) -> Outcome:
    return _send_code(fact, fact.user, fact.nonce, Purpose.SIGN_UP)


@on(CodeIssued, queue="emails")
def send_code(fact: CodeIssued) -> Outcome:
    return _send_code(fact, fact.user, fact.nonce, fact.purpose)


@on(AddressRegisteredAgain, queue="emails")
def mail_already_registered(fact: AddressRegisteredAgain) -> Outcome:
    user = service.find_user(fact.organization, fact.user)
    if user is None:
        return Outcome.SKIPPED
    values = {"name": user.name}
    return _tell(user, f"already-registered#{fact.nonce}", "already_registered", values)


@on(AccountChanged, queue="emails")
def tell_of_change(fact: AccountChanged) -> Outcome:
    """A welcome is mailed only: it is not worth a text."""
    user = service.find_user(fact.organization, fact.user)
    if user is None or (fact.notice is Notice.WELCOME and user.email is None):
        return Outcome.SKIPPED
    return _tell(user, f"account-changed#{fact.nonce}", fact.notice, {"name": user.name})


@on(NewDeviceSeen, queue="emails")
def tell_of_new_device(fact: NewDeviceSeen) -> Outcome:
    user = service.find_user(fact.organization, fact.user)
    if user is None:
        return Outcome.SKIPPED
    values = {"name": user.name, "device": fact.device, "at": fact.at}
    return _tell(user, f"new-device#{fact.session}", "new_device", values)


@on(SampleAsked, queue="emails")
def send_sample(fact: SampleAsked) -> Outcome:
    """Skipped where the address went meanwhile."""
    user = service.find_user(fact.organization, fact.user)
    place = Place.of(fact.kind, fact.channel, fact.language)
    address = service.proven_address(user, place.channel) if user else None
    if address is None:
        return Outcome.SKIPPED
    return notifications.send_sample(fact.organization, once=f"sample#{fact.nonce}", to=address, place=place)


def _send_code(fact: Fact, user_id: str, nonce: str, purpose: Purpose) -> Outcome:
    """Skipped for a code that nobody waits for any more."""
    waiting = service.code_to_send(fact.organization, user_id, nonce, purpose)
    if waiting is None:
        return Outcome.SKIPPED
    user, challenge, code = waiting
    minutes = int(CODE_LASTS.total_seconds()) // 60
    values = {"name": user.name, "code": code, "minutes": minutes, "link": service.link_of(challenge)}
    once = f"{purpose.replace('_', '-')}-code#{nonce}"
    return _send(user, challenge.address or user.address, once, f"{purpose}_code", values)


def _tell(user: User, once: str, template: str, values: dict[str, Any]) -> Outcome:
    return _send(user, user.address, once, template, values, Reader(user.id, page="/users/me"))


def _send(
    user: User, address: str, once: str, template: str, values: dict[str, Any], reader: Reader | None = None
) -> Outcome:
    """To a phone as a text, to any other address as a mail."""
    send = notifications.send_text if is_phone(address) else notifications.send_email
    return send(
        user.organization,
        once=once,
        to=address,
        template=template,
        language=user.language,
        values=values,
        reader=reader,
    )
