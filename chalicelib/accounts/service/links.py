"""Links in mails, for who would rather press a button than type a code. A link is good as long as its code is.

A link shows a page: programs that scan mail follow links. The page asks for the password, as codes do: anybody may
name an address, and its owner must not give it to an account of a stranger by pressing a button.
"""

from chalicelib.accounts import passwords, store
from chalicelib.accounts.addresses import is_phone
from chalicelib.accounts.model import Challenge, Purpose, User
from chalicelib.accounts.service import codes, proving, recovering
from chalicelib.core import clock, secrets
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations


def link_of(challenge: Challenge) -> str | None:
    """The address of the page for a code that is mailed; None for one that is texted."""
    if challenge.address is None or is_phone(challenge.address):
        return None
    token = f"{challenge.purpose}.{challenge.user}.{secrets.sign('link', *codes.known_of(challenge))}"
    return f"{organizations.url_of(challenge.organization)}/auth/verify-email?token={token}"


def open_link(organization: str, token: str) -> Challenge:
    """What a link is for; nothing changes. Raises NotFound for one that is used, replaced, expired or no link."""
    name, _, rest = token.partition(".")
    user_id, _, signature = rest.partition(".")
    challenge = store.find_challenge(organization, Purpose(name), user_id) if name in set(Purpose) else None
    if challenge is None or challenge.expires_at <= clock.now():
        raise _over()
    if not secrets.is_signature(signature, "link", *codes.known_of(challenge)):
        raise _over()
    return challenge


def follow_link(organization: str, token: str, password: str) -> Purpose:
    """Press the button: choose `password` where it was forgotten, else prove the address by knowing it.

    Raises as `open_link`, and Invalid for a wrong or a bad password. Each press is a guess at it, and counted.
    """
    challenge = open_link(organization, token)
    user = store.find(organization, challenge.user)
    transact(store.count_try(organization, challenge.purpose, challenge.user, challenge.nonce, clock.now(), _over()))
    if user is None:
        raise _over()
    if challenge.purpose is Purpose.RESET_PASSWORD:
        recovering.choose_password(user, challenge, password)
    elif not passwords.matches(user.password, password):
        raise Invalid("wrong_password", "This is not the password of the account.", field="password")
    elif challenge.purpose is Purpose.SIGN_UP:
        _open_account(user, challenge)
    else:
        proving.take_email(user, challenge)
    return challenge.purpose


def _open_account(user: User, challenge: Challenge) -> None:
    transact(codes.use(challenge, _over()), store.save(user.verify(clock.now()), was=user), *recovering.welcome(user))


def _over() -> NotFound:
    return NotFound("link_over", "This link has been used, or it has expired.")
