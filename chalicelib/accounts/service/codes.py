"""The codes that prove an address: issuing, sending, comparing. They are stored nowhere.

A room that lets somebody prove an address puts the writes of `begin` into its transaction; what comes back it gives to
`confirm`, and commits `use` together with what the code allows.
"""

from hmac import compare_digest

from chalicelib.accounts import store
from chalicelib.accounts.addresses import is_phone, normal_address
from chalicelib.accounts.messages import AddressRegisteredAgain, CodeIssued, SignUpCodeIssued
from chalicelib.accounts.model import (
    CODE_LASTS,
    CODES_AN_HOUR,
    TEXTS_AN_HOUR,
    Challenge,
    Purpose,
    User,
    digits,
)
from chalicelib.core import clock, ids, limits, outbox, secrets
from chalicelib.core.errors import AppError, Invalid
from chalicelib.core.table import Write, transact


def begin(user: User, purpose: Purpose, address: str) -> tuple[Write, Write]:
    """The writes that send a new code for this purpose to an address. The one before stops working.

    Call `count_code` first: it says how often an address may be written to.
    """
    nonce, write = issue(user.organization, user.id, purpose, address)
    told = {"organization": user.organization, "user": user.id, "nonce": nonce}
    if purpose is Purpose.SIGN_UP:
        return write, outbox.publish(SignUpCodeIssued(**told))
    return write, outbox.publish(CodeIssued(purpose=purpose, **told))


def issue(organization: str, holder: str, purpose: Purpose, address: str) -> tuple[str, Write]:
    """A new code's nonce, and the write that makes it. `holder` needs no account; its room sends the code.

    Call `count_code` first. The code before stops working.
    """
    issued = _challenge(organization, holder, purpose, address)
    return issued.nonce, store.challenge(issued)


def confirm(organization: str, user_id: str, purpose: Purpose, code: str, refused: AppError | None = None) -> Challenge:
    """The challenge that the code meets. The guess is counted first, so that guesses sent together count too.

    Raises `refused`, by default Invalid `invalid_code`, for a code that is wrong, used, replaced, expired or guessed at
    too often. Nothing is used up yet.
    """
    refused = refused or wrong_code()
    challenge = store.find_challenge(organization, purpose, user_id)
    nonce = challenge.nonce if challenge else ""
    transact(store.count_try(organization, purpose, user_id, nonce, clock.now(), refused))
    if challenge is None or not is_code(code, challenge):
        raise refused
    return challenge


def use(met: Challenge, refused: AppError | None = None) -> Write:
    """Take the code away, for the first who brings it."""
    return store.use_up(met, refused or wrong_code())


def wrong_code() -> Invalid:
    return Invalid("invalid_code", "The code is wrong, or it has expired.", field="code")


def resend_code(organization: str, *, email: str | None = None, phone: str | None = None, source: str = "") -> None:
    """Send a new sign-up code, which ends the one before. Raises Invalid or Limited, for an unknown address too."""
    address = normal_address(email, phone)
    count_code(organization, address, source)
    user = store.find_by_address(organization, address)
    if user is None:
        transact(decoy(organization, Purpose.SIGN_UP, address))
    elif user.verified:
        transact(tell_owner(user))
    else:
        transact(*begin(user, Purpose.SIGN_UP, address))


def code_to_send(
    organization: str, user_id: str, nonce: str, purpose: Purpose = Purpose.SIGN_UP
) -> tuple[User, Challenge, str] | None:
    """Who is waiting for the code of `nonce`, and the code; None once it is used, replaced or expired."""
    user = store.find(organization, user_id)
    waiting = awaited(organization, user_id, nonce, purpose)
    return (user, *waiting) if user and waiting else None


def awaited(organization: str, holder: str, nonce: str, purpose: Purpose) -> tuple[Challenge, str] | None:
    """What waits for the code of `nonce`, and the code; None once it is used, replaced or expired."""
    challenge = store.find_challenge(organization, purpose, holder)
    if challenge is None or challenge.nonce != nonce or challenge.expires_at <= clock.now():
        return None
    return challenge, code_of(challenge)


def count_code(organization: str, address: str, source: str = "") -> None:
    """Raises Limited. `source` is the address of origin of who asks, where one is known."""
    limits.take(organization, "code", address, limit=CODES_AN_HOUR, seconds=3600)
    if is_phone(address) and source:
        limits.take(organization, "texts", source, limit=TEXTS_AN_HOUR, seconds=3600)


def decoy(organization: str, purpose: Purpose, address: str) -> Write:
    """What is written for an address that nobody has: as much as for one that somebody has."""
    return store.challenge(_challenge(organization, store.nobody(address), purpose, address))


def is_code(code: str, challenge: Challenge) -> bool:
    expected = map(digits, secrets.signatures("code", *known_of(challenge)))
    return any(compare_digest(code.encode(), known.encode()) for known in expected)


def tell_owner(user: User) -> Write:
    return outbox.publish(AddressRegisteredAgain(organization=user.organization, user=user.id, nonce=ids.token()))


def _challenge(organization: str, user_id: str, purpose: Purpose, address: str) -> Challenge:
    return Challenge(
        organization=organization,
        user=user_id,
        purpose=purpose,
        nonce=ids.token(),
        tries=0,
        expires_at=clock.now() + CODE_LASTS,
        address=address,
    )


def code_of(challenge: Challenge) -> str:
    return digits(secrets.sign("code", *known_of(challenge)))


def known_of(challenge: Challenge) -> tuple[str, ...]:
    """What its code and its link follow from, with a key outside the database."""
    return challenge.purpose, challenge.organization, challenge.user, challenge.nonce
