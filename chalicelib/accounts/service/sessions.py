"""Logging in and out, and the tokens between."""

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from chalicelib.accounts import passwords, store
from chalicelib.accounts.addresses import is_phone, normal_address
from chalicelib.accounts.messages import NewDeviceSeen
from chalicelib.accounts.model import (
    MOST_SESSIONS,
    SESSION_LASTS,
    Place,
    Session,
    Sessions,
    Tokens,
    User,
    device_label,
)
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.accounts.second_factor.model import Asked
from chalicelib.accounts.service.codes import resend_code
from chalicelib.core import auth, clock, ids, log, outbox, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Limited, NotFound, Unauthorized, Unavailable
from chalicelib.core.table import Write, transact

_PLACES = tuple(f"{number:02}" for number in range(MOST_SESSIONS))
_PLACE_TRIES = 2 * MOST_SESSIONS


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
    count_log_in(organization, address, now)
    user = store.find_by_address(organization, address)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Unauthorized("invalid_credentials", "The address or the password is wrong.")
    forget = store.forget_log_ins(organization, address)
    if not user.verified:
        transact(forget)
        with suppress(Limited):
            resend_code(organization, email=email, phone=phone, source=source)
        if is_phone(address):
            raise Forbidden("phone_not_verified", "Prove your phone number first. A code is on its way.")
        raise Forbidden("email_not_verified", "Prove your e-mail address first. A code is in your mailbox.")
    user = _renew_digest(user, password)
    asked = second_factor.asked(user)
    if asked is not None:
        transact(forget)
        return asked
    return start(user, device, forget)


def start(user: User, device: str, *writes: Write) -> Tokens:
    """Begin a session, committed together with `writes`; of a new device its owner is told.

    A user has so many places for sessions; where all are taken, the session that began first ends.
    """
    for _ in range(_PLACE_TRIES):
        now = clock.now()
        places = {place.name: place for place in store.places_of(user.organization, user.id)}
        name = _choice(places, user, now)
        session, secret = _new_session(user, device, name, now)
        place = Place(user.id, name, session.id, session.device, now, session.expires_at)
        was = places.get(name)
        displaced = [store.displace(user.organization, was.session, now)] if was and was.is_taken(now, user) else []
        is_new = bool(places) and all(known.device != session.device for known in places.values())
        told = [_tell_of(session)] if is_new else []
        with suppress(store.PlaceTaken):
            transact(*writes, *store.add_session(session, place, was), *displaced, *told)
            return _tokens(user, session, secret)
    raise Unavailable("too_many_log_ins", "Too many log-ins of one account at this moment.", retry_after=1)


def _choice(places: Mapping[str, Place], user: User, at: datetime) -> str:
    """Where a session may begin: a place that was never used, one that is free, or that of the oldest session."""
    free = [name for name in _PLACES if name not in places or not places[name].is_taken(at, user)]
    never = datetime.min.replace(tzinfo=UTC)
    return min(free or _PLACES, key=lambda name: places[name].begun_at if name in places else never)


def _tell_of(session: Session) -> Write:
    return outbox.publish(
        NewDeviceSeen(
            organization=session.organization,
            user=session.user,
            session=session.id,
            device=session.device,
            at=session.created_at,
        )
    )


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
    if session is None or user is None or user.blocked or not _goes_on(session, user, now):
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
            if (
                current is not None
                and _goes_on(current, user, now)
                and current.has_just_become(ids.digest(successor), now)
            ):
                return _tokens(user, session, successor)
        log.warning("a refresh token that is not current", organization=organization, user=user.id)
        _end(session, now)
        raise
    return _tokens(user, session, successors[0])


def log_out(principal: Principal, *, everywhere: bool = False) -> None:
    """End the caller's session, or all sessions of the caller."""
    now = clock.now()
    if everywhere:
        transact(store.sign_out(principal.organization, principal.known_user, now))
    elif principal.session and (session := store.find_session(principal.organization, principal.session)):
        _end(session, now)


def list_sessions(principal: Principal) -> Sessions:
    """The caller's sessions. Raises Unauthorized."""
    user, now = require_living(principal), clock.now()
    going = [each for each in store.sessions_of(user.organization, user.id) if _goes_on(each, user, now)]
    newest_first = sorted(going, key=lambda session: session.created_at, reverse=True)
    return Sessions(tuple(newest_first), current=principal.session or "")


def end_session(principal: Principal, session_id: str) -> None:
    """End one of the caller's sessions, on whatever device. Raises Unauthorized, or NotFound for anybody else's."""
    user = require_living(principal)
    session = store.find_session(user.organization, session_id)
    if session is None or session.user != user.id:
        raise NotFound("session_not_found", "There is no such session.")
    _end(session, clock.now())


def sign_out(organization: str, user_id: str) -> Write:
    """The write that ends all sessions of a user: for who blocks or changes one."""
    return store.sign_out(organization, user_id, clock.now())


def stands(principal: Principal) -> bool:
    """Whether a user's tokens are still good: not since then blocked, given other roles or logged out everywhere."""
    user = store.find(principal.organization, principal.user) if principal.user else None
    return user is not None and not user.blocked and user.session_version == principal.version


def session_lives(principal: Principal) -> bool:
    """Whether the session behind an access token goes on, and the user's roles are still the token's."""
    return living_user(principal) is not None


def count_log_in(organization: str, address: str, now: datetime) -> None:
    """Raises Limited while the address is locked. Sessions that live go on."""
    locked = Limited("log_in_locked", "Too many failed log-ins. Wait before you try again.")
    try:
        transact(store.count_log_in(organization, address, now, locked))
    except Limited:
        until = store.log_in_count_ends(organization, address) or now
        locked.retry_after = max(1, math.ceil((until - now).total_seconds()))
        transact(store.count_first_log_in(organization, address, now, locked))


def _renew_digest(user: User, password: str) -> User:
    """Keep the password under today's Argon2 parameters: now is when it is known."""
    if passwords.is_outdated(user.password):
        renewed = user.keep_password(passwords.digest(password))
        with suppress(Conflict):  # the user changed at this moment; the next log-in sees to it
            transact(store.save(renewed, was=user))
            return renewed
    return user


def _new_session(user: User, device: str, place: str, at: datetime) -> tuple[Session, str]:
    """A session and the secret of its first refresh token. Raises Forbidden for who is blocked."""
    if user.blocked:
        raise Forbidden("account_blocked", "This account is blocked. Write to us.")
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
        place=place,
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


def _goes_on(session: Session, user: User, at: datetime) -> bool:
    return session.user == user.id and session.lives(at) and not user.ended(session)


def _end(session: Session, at: datetime) -> None:
    with suppress(Conflict):  # it has ended before
        transact(*store.end(session, at))


def living_user(principal: Principal) -> User | None:
    session = store.find_session(principal.organization, principal.session) if principal.session else None
    home = (session and session.home) or principal.organization
    user = store.find(home, principal.user) if principal.user else None
    if session is None or user is None or user.session_version != principal.version:
        return None
    return user if _goes_on(session, user, clock.now()) else None


def require_living(principal: Principal) -> User:
    """The caller. Raises Unauthorized once the session has ended, though the token has not expired."""
    user = living_user(principal)
    if user is None:
        raise Unauthorized("session_ended", "This session has ended. Sign in again.")
    return user
