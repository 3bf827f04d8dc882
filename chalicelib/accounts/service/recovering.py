"""Passwords that were forgotten, and those that are changed."""

from chalicelib.accounts import passwords, store
from chalicelib.accounts.addresses import normal_address
from chalicelib.accounts.messages import AccountChanged
from chalicelib.accounts.model import Challenge, Notice, Purpose, Tokens, User
from chalicelib.accounts.service import codes
from chalicelib.accounts.service.sessions import count_log_in, require_living, start
from chalicelib.core import clock, ids, outbox, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.table import Write, transact


def forgot_password(organization: str, *, email: str | None = None, phone: str | None = None, source: str = "") -> None:
    """Send a code for a new password. Raises Invalid or Limited, for an unknown address too."""
    address = normal_address(email, phone)
    codes.count_code(organization, address, source)
    user = store.find_by_address(organization, address)
    if user is None:
        transact(codes.decoy(organization, Purpose.RESET_PASSWORD, address))
    else:
        transact(*codes.begin(user, Purpose.RESET_PASSWORD, address))


def reset_password(
    organization: str, *, email: str | None = None, phone: str | None = None, code: str, password: str
) -> None:
    """Choose a new password with the code that was sent. All sessions end, and the lock of the address does.

    Whoever brings the code has the mailbox or the phone: an address that was not proven yet is now.
    Raises Invalid for a code that is wrong, used, expired or guessed too often, and for a password that is no good.
    """
    address = normal_address(email, phone)
    passwords.check(password, address=address, name="")
    user = store.find_by_address(organization, address)
    challenge = codes.confirm(organization, user.id if user else store.nobody(address), Purpose.RESET_PASSWORD, code)
    if user is None:
        raise codes.wrong_code()
    choose_password(user, challenge, password)


def choose_password(user: User, met: Challenge, password: str) -> None:
    """The new password of somebody who met the challenge. Raises Invalid for one that is no good."""
    address = met.address or user.address
    passwords.check(password, address=address, name=user.name)
    now = clock.now()
    changed = user.verify(now).change_password(passwords.digest(password), now)
    transact(
        codes.use(met),
        store.save(changed, was=user),
        store.forget_log_ins(user.organization, address),
        tell(user, Notice.PASSWORD_CHANGED),
        *welcome(user),
    )


def change_password(principal: Principal, *, current: str, new: str, device: str = "") -> Tokens:
    """Another password for who knows the present one. All sessions end; the answer begins the next.

    Raises Unauthorized, Limited after ten failures, Invalid for a wrong or a bad password.
    """
    user = require_living(principal)
    count_log_in(user.organization, user.address, clock.now())
    if not passwords.matches(user.password, current):
        raise Invalid("wrong_password", "This is not your present password.", field="currentPassword")
    passwords.check(new, address=user.address, name=user.name)
    changed = user.change_password(passwords.digest(new), clock.now())
    return start(
        changed,
        device,
        store.save(changed, was=user),
        store.forget_log_ins(user.organization, user.address),
        tell(user, Notice.PASSWORD_CHANGED),
    )


def tell(user: User, notice: Notice, about: str = "") -> Write:
    """Of the same thing, `about`, an owner is told once in a month."""
    nonce = secrets.sign("notice", user.id, about) if about else ids.token()
    return outbox.publish(AccountChanged(organization=user.organization, user=user.id, notice=notice, nonce=nonce))


def welcome(was: User) -> tuple[Write, ...]:
    """For the transaction that proves somebody's first address; empty where one was proven before."""
    return () if was.verified else (tell(was, Notice.WELCOME, "welcome"),)
