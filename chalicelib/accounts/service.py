"""Accounts: registering, proving an address, logging in and out, and the tokens between.

Registering, resending and logging in answer alike for an address with and without an account, and work alike:
the same reads, one transaction, one Argon2.
"""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest

from chalicelib.accounts import passwords, store
from chalicelib.accounts.messages import AddressRegisteredAgain, SignUpCodeIssued
from chalicelib.accounts.model import (
    CODE_LASTS,
    CODES_AN_HOUR,
    SESSION_LASTS,
    Challenge,
    Language,
    Purpose,
    Session,
    Tokens,
    User,
    device_label,
    digits,
    normal_email,
    plain_name,
)
from chalicelib.core import auth, clock, ids, limits, log, outbox, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, Unauthorized
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations

# --- registering --------------------------------------------------------------------------------------------


def register(organization: str, *, email: str, password: str, name: str, language: Language | None = None) -> None:
    """Mail a code to a new address; tell the owner of a known one. Raises Invalid or Limited, alike."""
    address = normal_email(email)
    asked = _asked(organization, address, password, name, language, roles={"customer"})
    _count_code(organization, address)
    known = store.find_by_email(organization, address)
    writes: tuple[Write, ...]
    if known is None:
        writes = (*store.add(asked), *_issue_code(asked))
    elif not known.verified:
        again = known.register_again(name=asked.name, password=asked.password, language=asked.language)
        writes = (store.save(again, was=known), *_issue_code(again))
    else:
        writes = (_tell_owner(known),)
    with suppress(Conflict):  # the same address is registered at this very moment: that code is on its way
        transact(*writes)


def resend_code(organization: str, *, email: str) -> None:
    """Mail a new code, which ends the one before. Raises Invalid or Limited, for an unknown address too."""
    address = normal_email(email)
    _count_code(organization, address)
    user = store.find_by_email(organization, address)
    if user is None:
        transact(store.challenge(_challenge(organization, store.nobody(address))))
    elif user.verified:
        transact(_tell_owner(user))
    else:
        transact(*_issue_code(user))


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
    if user is None or challenge is None or not _is_code(code, challenge):
        raise refused
    if not knows_password:
        raise refused
    verified = user.verify(now)
    session, secret = _new_session(verified, device, now)
    transact(store.use_up(challenge, refused), store.save(verified, was=user), *store.add_session(session))
    return _tokens(verified, session, secret)


def code_to_mail(organization: str, user_id: str, nonce: str) -> tuple[User, str] | None:
    """Who is waiting for the code of `nonce`, and the code; None once it is used, replaced or expired."""
    user = store.find(organization, user_id)
    challenge = store.find_challenge(organization, Purpose.SIGN_UP, user_id)
    if user is None or challenge is None or challenge.nonce != nonce or challenge.expires_at <= clock.now():
        return None
    return user, _code(challenge)


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


# --- logging in ---------------------------------------------------------------------------------------------


def log_in(organization: str, *, email: str, password: str, device: str = "") -> Tokens:
    """Start a session. Raises Unauthorized, Limited after ten failures, Forbidden for an unproven address.

    Only the right password learns that the address is unproven, and brings a new code.
    """
    address = normal_email(email)
    now = clock.now()
    _count_log_in(organization, address, now)
    user = store.find_by_email(organization, address)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Unauthorized("invalid_credentials", "The e-mail address or the password is wrong.")
    transact(store.forget_log_ins(organization, address))
    if not user.verified:
        with suppress(Limited):
            resend_code(organization, email=address)
        raise Forbidden("email_not_verified", "Prove your e-mail address first. A code is in your mailbox.")
    _renew_digest(user, password)
    session, secret = _new_session(user, device, now)
    transact(*store.add_session(session))
    return _tokens(user, session, secret)


def refresh(organization: str, token: str) -> Tokens:
    """The next pair of tokens. Raises Unauthorized.

    The successor follows from the token itself: whoever presents it twice within the grace, because two tabs
    asked at once or an answer was lost, gets the same one. Later, somebody else has a copy: the session ends.
    """
    refused = Unauthorized("invalid_refresh_token", "This session has ended. Sign in again.")
    session_id, _, secret = token.partition(".")
    session = store.find_session(organization, session_id) if ids.is_id("ses", session_id) else None
    user = store.find(organization, session.user) if session else None
    now = clock.now()
    if session is None or user is None or not session.lives(now):
        raise refused
    successors = secrets.signatures("refresh", organization, session.id, secret)
    presented, following = ids.digest(secret), ids.digest(successors[0])
    try:
        transact(store.rotate(session, presented=presented, successor=following, at=now, refused=refused))
    except Unauthorized:
        current = store.find_session(organization, session.id)
        for successor in successors:
            if current is not None and current.lives(now) and current.has_just_become(ids.digest(successor), now):
                return _tokens(user, session, successor)
        log.warning("a refresh token that is not current", organization=organization, user=user.id)
        _end(organization, session.id, now)
        raise
    return _tokens(user, session, successors[0])


def log_out(principal: Principal, *, everywhere: bool = False) -> None:
    """End the caller's session, or all sessions of the caller."""
    now = clock.now()
    if everywhere:
        transact(store.outdate_tokens(principal.organization, principal.known_user))
        ending = list(store.sessions_of(principal.organization, principal.known_user))
    else:
        ending = [principal.session] if principal.session else []
    for session_id in ending:
        _end(principal.organization, session_id, now)


def session_lives(principal: Principal) -> bool:
    """Whether the session behind an access token goes on, and the user's roles are still the token's."""
    return _living_user(principal) is not None


# --- people -------------------------------------------------------------------------------------------------


def me(principal: Principal) -> User:
    """The caller. Raises Unauthorized once the session has ended, though the token has not expired."""
    user = _living_user(principal)
    if user is None:
        raise Unauthorized("session_ended", "This session has ended. Sign in again.")
    return user


def find_by_email(organization: str, email: str) -> User | None:
    """Raises Invalid for what is no address."""
    return store.find_by_email(organization, normal_email(email))


def find_user(organization: str, user_id: str) -> User | None:
    return store.find(organization, user_id)


def get_user(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    return store.get(organization, user_id)


def set_roles(principal: Principal, user_id: str, roles: Iterable[str]) -> User:
    """Give a user these roles and no others. Raises NotFound, Invalid or Conflict.

    Nobody changes their own: so the last one who manages users can not lock everybody out.
    """
    wanted = _known_roles(roles)
    user = store.get(principal.organization, user_id)
    if user.id == principal.user:
        raise Conflict("own_roles", "Ask somebody else to change your roles.")
    if user.roles == wanted:
        return user
    changed = user.with_roles(wanted)
    transact(store.save(changed, was=user))
    return changed


# --- parts of the above -------------------------------------------------------------------------------------


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
        roles=_known_roles(roles),
        password=passwords.digest(password),
        language=language or organizations.get(organization).language,
        verified_at=None,
        session_version=1,
        created_at=clock.now(),
        version=1,
    )


def _known_roles(roles: Iterable[str]) -> frozenset[str]:
    wanted, known = frozenset(roles), organizations.role_names()
    if not wanted <= known:
        raise Invalid("unknown_role", f"Roles are {', '.join(sorted(known))}.", field="roles")
    return wanted


def _count_code(organization: str, address: str) -> None:
    limits.take(organization, "code", address, limit=CODES_AN_HOUR, seconds=3600)


def _challenge(organization: str, user_id: str) -> Challenge:
    return Challenge(
        organization=organization,
        user=user_id,
        purpose=Purpose.SIGN_UP,
        nonce=ids.token(),
        tries=0,
        expires_at=clock.now() + CODE_LASTS,
    )


def _issue_code(user: User) -> tuple[Write, Write]:
    issued = _challenge(user.organization, user.id)
    fact = SignUpCodeIssued(organization=user.organization, user=user.id, nonce=issued.nonce)
    return store.challenge(issued), outbox.publish(fact)


def _code(challenge: Challenge) -> str:
    return digits(secrets.sign("code", *_known_of(challenge)))


def _is_code(code: str, challenge: Challenge) -> bool:
    expected = map(digits, secrets.signatures("code", *_known_of(challenge)))
    return any(compare_digest(code.encode(), known.encode()) for known in expected)


def _known_of(challenge: Challenge) -> tuple[str, ...]:
    return challenge.purpose, challenge.organization, challenge.user, challenge.nonce


def _tell_owner(user: User) -> Write:
    return outbox.publish(AddressRegisteredAgain(organization=user.organization, user=user.id, nonce=ids.token()))


def _count_log_in(organization: str, address: str, now: datetime) -> None:
    """Raises Limited while the address is locked. Sessions that live go on."""
    locked = Limited("log_in_locked", "Too many failed log-ins. Wait before you try again.")
    try:
        transact(store.count_log_in(organization, address, now, locked))
    except Limited:
        until = store.log_in_count_ends(organization, address) or now
        locked.retry_after = max(1, math.ceil((until - now).total_seconds()))
        transact(store.count_first_log_in(organization, address, now, locked))


def _renew_digest(user: User, password: str) -> None:
    """Keep the password under today's Argon2 parameters: now is when it is known."""
    if passwords.is_outdated(user.password):
        with suppress(Conflict):  # the user changed at this moment; the next log-in sees to it
            transact(store.save(user.keep_password(passwords.digest(password)), was=user))


def _new_session(user: User, device: str, at: datetime) -> tuple[Session, str]:
    """A session and the secret of its first refresh token."""
    secret = ids.token()
    session = Session(
        id=ids.new("ses"),
        organization=user.organization,
        user=user.id,
        refresh_digest=ids.digest(secret),
        device=device_label(device),
        created_at=at,
        rotated_at=at,
        expires_at=at + SESSION_LASTS,
    )
    return session, secret


def _tokens(user: User, session: Session, secret: str) -> Tokens:
    access_token = auth.issue(
        organization=user.organization,
        user=user.id,
        roles=user.roles,
        session=session.id,
        version=user.session_version,
    )
    return Tokens(
        access_token=access_token,
        refresh_token=f"{session.id}.{secret}",
        expires_in=int(auth.ACCESS_LASTS.total_seconds()),
        user=user,
    )


def _end(organization: str, session_id: str, at: datetime) -> None:
    with suppress(Conflict):  # it has ended before
        transact(store.end(organization, session_id, at))


def _living_user(principal: Principal) -> User | None:
    session = store.find_session(principal.organization, principal.session) if principal.session else None
    user = store.find(principal.organization, principal.user) if principal.user else None
    if session is None or user is None or session.user != user.id:
        return None
    lives = session.lives(clock.now()) and user.session_version == principal.version
    return user if lives else None
