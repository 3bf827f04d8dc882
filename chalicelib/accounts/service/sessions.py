"""Logging in and out, and the tokens between."""

import math
from contextlib import suppress
from datetime import datetime

from chalicelib.accounts import passwords, store
from chalicelib.accounts.addresses import is_phone, normal_address
from chalicelib.accounts.model import SESSION_LASTS, Session, Tokens, User, device_label
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.accounts.second_factor.model import Asked
from chalicelib.accounts.service.codes import resend_code
from chalicelib.core import auth, clock, ids, log, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Limited, Unauthorized
from chalicelib.core.table import transact


def log_in(
    organization: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    password: str,
    device: str = "",
    source: str = "",
) -> Tokens | Asked:
    """Start a session, or ask for a second factor.

    Raises Unauthorized, Limited after ten failures, Forbidden for an unproven address. Only the right password learns
    that the address is unproven, and brings a new code.
    """
    address = normal_address(email, phone)
    now = clock.now()
    _count_log_in(organization, address, now)
    user = store.find_by_address(organization, address)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Unauthorized("invalid_credentials", "The address or the password is wrong.")
    transact(store.forget_log_ins(organization, address))
    if not user.verified:
        with suppress(Limited):
            resend_code(organization, email=email, phone=phone, source=source)
        if is_phone(address):
            raise Forbidden("phone_not_verified", "Prove your phone number first. A code is on its way.")
        raise Forbidden("email_not_verified", "Prove your e-mail address first. A code is in your mailbox.")
    _renew_digest(user, password)
    asked = second_factor.asked(user)
    if asked is not None:
        return asked
    session, secret = new_session(user, device, now)
    transact(*store.add_session(session))
    return tokens(user, session, secret)


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
    if second_factor.is_missing(user):
        raise Unauthorized("second_factor_required", "Your role logs in with two factors now. Log in again.")
    successors = secrets.signatures("refresh", organization, session.id, secret)
    presented, following = ids.digest(secret), ids.digest(successors[0])
    try:
        transact(store.rotate(session, presented=presented, successor=following, at=now, refused=refused))
    except Unauthorized:
        current = store.find_session(organization, session.id)
        for successor in successors:
            if current is not None and current.lives(now) and current.has_just_become(ids.digest(successor), now):
                return tokens(user, session, successor)
        log.warning("a refresh token that is not current", organization=organization, user=user.id)
        _end(organization, session.id, now)
        raise
    return tokens(user, session, successors[0])


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
    return living_user(principal) is not None


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


def new_session(user: User, device: str, at: datetime) -> tuple[Session, str]:
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


def tokens(user: User, session: Session, secret: str) -> Tokens:
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


def living_user(principal: Principal) -> User | None:
    session = store.find_session(principal.organization, principal.session) if principal.session else None
    user = store.find(principal.organization, principal.user) if principal.user else None
    if session is None or user is None or session.user != user.id:
        return None
    lives = session.lives(clock.now()) and user.session_version == principal.version
    return user if lives else None
