"""Further addresses of somebody who is logged in: each is proven by the code that came there.

Nobody hears whether an address has an account before they have proven that it is theirs.
"""

from chalicelib.accounts import store
from chalicelib.accounts.addresses import normal_email, normal_phone
from chalicelib.accounts.model import Challenge, Notice, Phone, Purpose, User
from chalicelib.accounts.service import codes
from chalicelib.accounts.service.recovering import tell
from chalicelib.accounts.service.sessions import require_living
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Write, transact


def add_phone(principal: Principal, phone: str) -> None:
    """Text a code to a number that shall be the caller's. Raises Unauthorized, Invalid, Limited or Conflict."""
    user, number = require_living(principal), normal_phone(phone)
    changed = user.add_phone(number)
    codes.count_code(user.organization, number, principal.source)
    added = () if changed is user else (store.save(changed, was=user), tell(user, Notice.ADDRESS_CHANGING, number))
    transact(*added, *codes.begin(user, Purpose.VERIFY_PHONE, number))


def change_phone(principal: Principal, phone_id: str, *, code: str | None = None, is_default: bool = False) -> User:
    """Prove a number with its code, then it is the caller's to log in with; or make a proven one the default.

    Raises NotFound, Invalid for a wrong code, Conflict for an unproven number and for one of another account.
    """
    user = require_living(principal)
    phone = _own(user, phone_id)
    changed = user
    writes: tuple[Write, ...] = ()
    if code is not None:
        challenge = codes.confirm(user.organization, user.id, Purpose.VERIFY_PHONE, code)
        if challenge.address != phone.number:
            raise codes.wrong_code()
        changed = user.prove_phone(phone.number, clock.now())
        writes = (codes.use(challenge), *(() if phone.verified_at else _claims(user, phone.number)))
    if is_default:
        changed = changed.choose_phone(_own(changed, phone_id))
    if changed is not user:
        transact(store.save(changed, was=user), *writes)
    return changed


def remove_phone(principal: Principal, phone_id: str) -> None:
    """Raises NotFound, or Conflict for the only address that the caller logs in with."""
    user = require_living(principal)
    phone = _own(user, phone_id)
    left = user.remove_phone(phone)
    if left.email is None and left.phone is None:
        raise Conflict("last_address", "Without this number you could not log in. Add another address first.")
    freed = (store.free_address(user, phone.number),) if phone.verified_at else ()
    transact(store.save(left, was=user), *freed)


def change_email(principal: Principal, email: str) -> None:
    """Mail a code to an address that shall be the caller's. Raises Unauthorized, Invalid or Limited."""
    user, address = require_living(principal), normal_email(email)
    codes.count_code(user.organization, address)
    transact(*codes.begin(user, Purpose.VERIFY_EMAIL, address), tell(user, Notice.ADDRESS_CHANGING, address))


def prove_email(principal: Principal, code: str) -> User:
    """The address that the code went to takes the place of the present one. Raises Invalid or Conflict."""
    user = require_living(principal)
    return take_email(user, codes.confirm(user.organization, user.id, Purpose.VERIFY_EMAIL, code))


def take_email(user: User, met: Challenge) -> User:
    """The address of a challenge that was met is the user's. Raises Conflict where it is somebody else's."""
    assert met.address is not None  # `begin` names it
    moved = user.with_email(met.address)
    writes: tuple[Write, ...] = (codes.use(met), store.save(moved, was=user))
    if met.address != user.email:
        freed = (store.free_address(user, user.email),) if user.email else ()
        writes += (*freed, *_claims(user, met.address))
    transact(*writes)
    return moved


def _claims(user: User, address: str) -> tuple[Write, ...]:
    """Take an address that is free, or that somebody registered who never proved it."""
    holder = store.find_by_address(user.organization, address)
    if holder is None or holder.verified:
        return (store.claim_address(user, address),)
    return store.take_over(user, address, holder)


def _own(user: User, phone_id: str) -> Phone:
    found = next((phone for phone in user.phones if phone.id == phone_id), None)
    if found is None:
        raise NotFound("phone_not_found", "You have no such phone.")
    return found
