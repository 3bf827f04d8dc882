"""Registering, and proving an address with the mailed code."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from chalicelib.accounts import passwords, store
from chalicelib.accounts.model import Language, Purpose, Tokens, User, normal_email, plain_name
from chalicelib.accounts.service.codes import count_code, is_code, issue_code, tell_owner
from chalicelib.accounts.service.people import known_roles
from chalicelib.accounts.service.sessions import new_session, tokens
from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations


def register(organization: str, *, email: str, password: str, name: str, language: Language | None = None) -> None:
    """Mail a code to a new address; tell the owner of a known one. Raises Invalid or Limited, alike."""
    address = normal_email(email)
    asked = _asked(organization, address, password, name, language, roles={"customer"})
    count_code(organization, address)
    known = store.find_by_email(organization, address)
    writes: tuple[Write, ...]
    if known is None:
        writes = (*store.add(asked), *issue_code(asked))
    elif not known.verified:
        again = known.register_again(name=asked.name, password=asked.password, language=asked.language)
        writes = (store.save(again, was=known), *issue_code(again))
    else:
        writes = (tell_owner(known),)
    with suppress(Conflict):  # the same address is registered at this very moment: that code is on its way
        transact(*writes)


def verify_email(organization: str, *, email: str, code: str, password: str, device: str = "") -> Tokens:
    """Log in with a mailed code and the password of the registration it was mailed for.

    The password is asked for again because anybody may register an address: who owns it must not confirm, with the
    newest code in the mailbox, an account that somebody else holds the password of.
    Raises Invalid for a code that is wrong, used, expired or guessed too often, and for a wrong password alike.
    """
    address = normal_email(email)
    refused = Invalid("invalid_code", "Code and password do not fit, or the code has expired.", field="code")
    user = store.find_by_email(organization, address)
    user_id = user.id if user else store.nobody(address)
    challenge = store.find_challenge(organization, Purpose.SIGN_UP, user_id)
    knows_password = passwords.matches(user.password if user else None, password)
    now = clock.now()
    nonce = challenge.nonce if challenge else ""
    transact(store.count_try(organization, Purpose.SIGN_UP, user_id, nonce, now, refused))
    if user is None or challenge is None or not is_code(code, challenge):
        raise refused
    if not knows_password:
        raise refused
    verified = user.verify(now)
    session, secret = new_session(verified, device, now)
    transact(store.use_up(challenge, refused), store.save(verified, was=user), *store.add_session(session))
    return tokens(verified, session, secret)


def create_user(
    organization: str,
    *,
    email: str,
    password: str,
    name: str,
    roles: Iterable[str],
    language: Language | None = None,
) -> User:
    """A user whose address needs no proof. Raises Invalid or Conflict."""
    asked = _asked(organization, normal_email(email), password, name, language, roles)
    user = replace(asked, verified_at=asked.created_at)
    transact(*store.add(user))
    return user


def _asked(
    organization: str, address: str, password: str, name: str, language: Language | None, roles: Iterable[str]
) -> User:
    """The user that somebody asks for, nothing stored yet. Raises Invalid."""
    called = plain_name(name)
    passwords.check(password, email=address, name=called)
    return User(
        id=ids.new("usr"),
        organization=organization,
        email=address,
        name=called,
        roles=known_roles(roles),
        password=passwords.digest(password),
        language=language or organizations.get(organization).language,
        verified_at=None,
        session_version=1,
        created_at=clock.now(),
        version=1,
    )
