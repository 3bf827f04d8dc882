"""The codes that prove an address: issuing, mailing, comparing. They are stored nowhere."""

from hmac import compare_digest

from chalicelib.accounts import store
from chalicelib.accounts.messages import AddressRegisteredAgain, SignUpCodeIssued
from chalicelib.accounts.model import CODE_LASTS, CODES_AN_HOUR, Challenge, Purpose, User, digits, normal_email
from chalicelib.core import clock, ids, limits, outbox, secrets
from chalicelib.core.table import Write, transact


def resend_code(organization: str, *, email: str) -> None:
    """Mail a new code, which ends the one before. Raises Invalid or Limited, for an unknown address too."""
    address = normal_email(email)
    count_code(organization, address)
    user = store.find_by_email(organization, address)
    if user is None:
        transact(store.challenge(_challenge(organization, store.nobody(address))))
    elif user.verified:
        transact(tell_owner(user))
    else:
        transact(*issue_code(user))


def code_to_mail(organization: str, user_id: str, nonce: str) -> tuple[User, str] | None:
    """Who is waiting for the code of `nonce`, and the code; None once it is used, replaced or expired."""
    user = store.find(organization, user_id)
    challenge = store.find_challenge(organization, Purpose.SIGN_UP, user_id)
    if user is None or challenge is None or challenge.nonce != nonce or challenge.expires_at <= clock.now():
        return None
    return user, code_of(challenge)


def count_code(organization: str, address: str) -> None:
    limits.take(organization, "code", address, limit=CODES_AN_HOUR, seconds=3600)


def issue_code(user: User) -> tuple[Write, Write]:
    issued = _challenge(user.organization, user.id)
    fact = SignUpCodeIssued(organization=user.organization, user=user.id, nonce=issued.nonce)
    return store.challenge(issued), outbox.publish(fact)


def is_code(code: str, challenge: Challenge) -> bool:
    expected = map(digits, secrets.signatures("code", *_known_of(challenge)))
    return any(compare_digest(code.encode(), known.encode()) for known in expected)


def tell_owner(user: User) -> Write:
    return outbox.publish(AddressRegisteredAgain(organization=user.organization, user=user.id, nonce=ids.token()))


def _challenge(organization: str, user_id: str) -> Challenge:
    return Challenge(
        organization=organization,
        user=user_id,
        purpose=Purpose.SIGN_UP,
        nonce=ids.token(),
        tries=0,
        expires_at=clock.now() + CODE_LASTS,
    )


def code_of(challenge: Challenge) -> str:
    return digits(secrets.sign("code", *_known_of(challenge)))


def _known_of(challenge: Challenge) -> tuple[str, ...]:
    return challenge.purpose, challenge.organization, challenge.user, challenge.nonce
