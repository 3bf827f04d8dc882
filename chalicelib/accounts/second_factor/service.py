"""Setting a second factor up, asking for it, taking it away.

A log-in that needs one answers a challenge: a derived token, stored nowhere, that is worth nothing without a code.
"""

from contextlib import suppress
from dataclasses import replace

from chalicelib.accounts import store as accounts
from chalicelib.accounts.messages import AccountChanged
from chalicelib.accounts.model import Notice, User
from chalicelib.accounts.second_factor import store
from chalicelib.accounts.second_factor.model import (
    CHALLENGE_LASTS,
    FRESH,
    TRIES,
    Asked,
    Policy,
    SecondFactor,
    Setup,
    Status,
    new_recovery_codes,
    new_secret,
    recovery_digest,
    step_of,
)
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits, outbox, sealing, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Unauthorized
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations

_NEVER_REQUIRED = frozenset({"customer"})


# --- asking for it --------------------------------------------------------------------------------------------


def asked(user: User) -> Asked | None:
    """What the log-in of `user` answers instead of tokens; None where one factor is enough."""
    factor = store.find(user.organization, user.id)
    enrolled = factor is not None and factor.confirmed
    if not enrolled and not _is_required(user):
        return None
    expires = str(clock.epoch(clock.now() + CHALLENGE_LASTS))
    challenge = f"{user.id}.{expires}.{secrets.sign(*_signed(user, expires))}"
    return Asked(challenge, int(CHALLENGE_LASTS.total_seconds()), enrolled)


def is_missing(user: User) -> bool:
    """Whether the roles of `user`, perhaps new ones, need a second factor that there is not."""
    if not _is_required(user):
        return False
    factor = store.find(user.organization, user.id)
    return factor is None or not factor.confirmed


def challenged(organization: str, challenge: str) -> User:
    """Whose log-in waits for a second factor. Raises Unauthorized, also after a change of password or roles."""
    refused = Unauthorized("invalid_challenge", "This log-in has run out. Log in again.")
    user_id, _, rest = challenge.partition(".")
    expires, _, signature = rest.partition(".")
    user = accounts.find(organization, user_id) if ids.is_id("usr", user_id) else None
    if user is None or not secrets.is_signature(signature, *_signed(user, expires)):
        raise refused
    if int(expires) <= clock.epoch(clock.now()):
        raise refused
    return user


def proof(user: User, code: str, *, source: str = "") -> tuple[Write, ...]:
    """Writes that use `code` up, for a log-in's own transaction. Raises Invalid or Limited.

    A factor that was only set up counts from now on: its owner has shown a code.
    """
    refused = _wrong_code()
    factor = store.find(user.organization, user.id)
    _count_try(user.organization, user.id)
    if factor is None:
        raise refused
    after = _after(factor, code)
    if after is None:
        raise refused
    saved = store.save(after, was=factor, refused=refused)
    if factor.confirmed:
        return saved, *_recovery_told(after, factor)
    principal = Principal(user.organization, user=user.id, source=source)
    return saved, *_told(principal, user.id, enabled=True)


# --- the owner's choice ---------------------------------------------------------------------------------------


def status(principal: Principal) -> Status:
    user = accounts.get(principal.organization, principal.known_user)
    factor = store.find(user.organization, user.id)
    enabled = factor is not None and factor.confirmed
    return Status(enabled, _is_required(user), len(factor.recovery) if factor and enabled else 0)


def set_up(principal: Principal, challenge: str | None = None) -> Setup:
    """A new secret and recovery codes, which count once a code was shown; what was set up before is replaced.

    For who has logged in a moment ago, or comes from a log-in that asks for a second factor. Raises Conflict where one
    is in use, Unauthorized, and Forbidden for an old session.
    """
    if challenge is None:
        user = accounts.get(principal.organization, principal.known_user)
        require_fresh(principal)
    else:
        user = challenged(principal.organization, challenge)
    secret, codes = new_secret(), new_recovery_codes()
    factor = SecondFactor(
        organization=user.organization,
        user=user.id,
        secret=sealing.seal(user.organization, _place(user.id), secret),
        recovery=tuple(map(recovery_digest, codes)),
        step=0,
        created_at=clock.now(),
        confirmed_at=None,
        version=1,
    )
    transact(store.set_up(factor))
    return _setup(user, secret, codes)


def enable(principal: Principal, code: str) -> Status:
    """Show a code of the app, from when on log-ins ask for one. All other sessions end.

    The code that enabled it may come again, as its answer may have been lost.
    """
    user_id = principal.known_user
    _count_try(principal.organization, user_id)
    factor = store.find(principal.organization, user_id)
    step = _step(factor, code) if factor else None
    if factor is None or step is None:
        raise _wrong_code()
    if not factor.confirmed:
        require_fresh(principal)
        confirmed = factor.confirm(step, clock.now())
        transact(store.save(confirmed, was=factor, refused=_wrong_code()), *_told(principal, user_id, enabled=True))
    elif step != factor.step:
        raise Conflict("second_factor_enabled", "A second factor is in use already.")
    _end_sessions(principal.organization, user_id, but=principal.session)
    return status(principal)


def disable(principal: Principal, code: str) -> None:
    """Log in with one factor again. Raises Conflict where the roles need two, Invalid, Limited, Forbidden."""
    require_fresh(principal)
    user = accounts.get(principal.organization, principal.known_user)
    if _is_required(user):
        raise Conflict("second_factor_required", "Your role logs in with two factors.")
    _, factor = _proven(user, code)
    transact(store.remove(factor), *_told(principal, user.id, enabled=False))


def renew_recovery_codes(principal: Principal, code: str) -> tuple[str, ...]:
    """New recovery codes in place of all before. Raises Invalid, Limited or Forbidden."""
    require_fresh(principal)
    after, factor = _proven(accounts.get(principal.organization, principal.known_user), code)
    codes = new_recovery_codes()
    renewed = after.with_recovery(tuple(map(recovery_digest, codes)))
    transact(store.save(renewed, was=factor), *_recovery_told(after, factor))
    return codes


# --- staff ----------------------------------------------------------------------------------------------------


def reset(principal: Principal, user_id: str) -> None:
    """Take away the second factor of somebody who lost theirs, and end their sessions. Raises NotFound or Conflict."""
    user = accounts.get(principal.organization, user_id)
    if user.id == principal.user:
        raise Conflict("own_second_factor", "Disable your own with a code, or ask somebody else.")
    factor = store.find(user.organization, user.id)
    if factor is not None:
        transact(store.remove(factor), *_told(principal, user.id, enabled=False))
    _end_sessions(user.organization, user.id)


def policy(organization: str) -> Policy:
    """Which roles log in with two factors."""
    return store.policy(organization)


def set_policy(principal: Principal, *, roles: frozenset[str], version: int) -> Policy:
    """Name the roles that log in with two factors; who has one and no factor sets it up at the next log-in.

    Sessions of today go on for ten minutes at most. Raises Invalid or Conflict.
    """
    known = organizations.role_names(principal.organization) - _NEVER_REQUIRED
    if not roles <= known:
        raise Invalid("unknown_role", f"Roles are {', '.join(sorted(known))}.", field="roles")
    current = store.policy(principal.organization)
    if version != current.version:
        raise Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    changed = Policy(principal.organization, roles, version + 1)
    told = audit.entry(
        principal,
        action="organization.second_factor_policy_changed",
        entity="organization",
        entity_id=principal.organization,
        before={"roles": current.roles},
        after={"roles": roles},
    )
    transact(store.save_policy(changed, was=current), told)
    return changed


# --- what these are made of -----------------------------------------------------------------------------------


def require_fresh(principal: Principal) -> None:
    """Raises Forbidden unless the session began a moment ago: who finds an open one does not change log-ins."""
    session = accounts.find_session(principal.organization, principal.session) if principal.session else None
    if session is None or clock.now() - session.created_at > FRESH:
        raise Forbidden("log_in_again", "Log in again to change how you log in.")


def _is_required(user: User) -> bool:
    staff = user.roles - _NEVER_REQUIRED
    return bool(staff) and not staff.isdisjoint(store.policy(user.organization).roles)


def _proven(user: User, code: str) -> tuple[SecondFactor, SecondFactor]:
    """The factor in use with `code` used up, and as it is stored. Raises Invalid or Limited."""
    _count_try(user.organization, user.id)
    factor = store.find(user.organization, user.id)
    after = _after(factor, code) if factor and factor.confirmed else None
    if factor is None or after is None:
        raise _wrong_code()
    return after, factor


def _after(factor: SecondFactor, code: str) -> SecondFactor | None:
    """The factor with `code` used up; None for one that is wrong or was used."""
    step = _step(factor, code)
    factor = _sealed_anew(factor)
    if step is not None and step > factor.step:
        return factor.used(step) if factor.confirmed else factor.confirm(step, clock.now())
    digest = recovery_digest(code)
    return factor.spent(digest) if factor.confirmed and digest in factor.recovery else None


def _step(factor: SecondFactor, code: str) -> int | None:
    secret = sealing.unseal(factor.organization, _place(factor.user), factor.secret)
    return step_of(secret, code, clock.now())


def _sealed_anew(factor: SecondFactor) -> SecondFactor:
    """Under the key in use, so that keys before it can be retired."""
    if not sealing.is_outdated(factor.secret):
        return factor
    place = _place(factor.user)
    secret = sealing.unseal(factor.organization, place, factor.secret)
    return replace(factor, secret=sealing.seal(factor.organization, place, secret))


def _count_try(organization: str, user_id: str) -> None:
    for limit, seconds in TRIES:
        limits.take(organization, f"second-factor-{seconds}", user_id, limit=limit, seconds=seconds)


def _wrong_code() -> Invalid:
    return Invalid("invalid_code", "The code is wrong, or was used before.", field="code")


def _told(principal: Principal, user_id: str, *, enabled: bool) -> tuple[Write, Write]:
    """The audit log hears of it, and whose it is, whoever did it."""
    entry = audit.entry(
        principal,
        action="user.second_factor_enabled" if enabled else "user.second_factor_disabled",
        entity="user",
        entity_id=user_id,
        before={"second_factor": not enabled},
        after={"second_factor": enabled},
    )
    notice = Notice.SECOND_FACTOR_ON if enabled else Notice.SECOND_FACTOR_OFF
    return entry, _notice(principal.organization, user_id, notice)


def _recovery_told(after: SecondFactor, was: SecondFactor) -> tuple[Write, ...]:
    """Its owner hears that a recovery code was used up."""
    if len(after.recovery) == len(was.recovery):
        return ()
    return (_notice(was.organization, was.user, Notice.RECOVERY_CODE_USED),)


def _notice(organization: str, user_id: str, notice: Notice) -> Write:
    return outbox.publish(AccountChanged(organization=organization, user=user_id, notice=notice, nonce=ids.token()))


def _end_sessions(organization: str, user_id: str, but: str | None = None) -> None:
    now = clock.now()
    for session in accounts.sessions_of(organization, user_id):
        if session.id != but:
            with suppress(Conflict):  # it has ended before
                transact(*accounts.end(session, now))


def _setup(user: User, secret: str, codes: tuple[str, ...]) -> Setup:
    import segno
    from pyotp import TOTP

    issuer = organizations.get(user.organization).name
    uri = TOTP(secret, name=user.address, issuer=issuer).provisioning_uri()
    return Setup(secret, uri, segno.make(uri, error="m").svg_inline(scale=4), codes)


def _place(user_id: str) -> str:
    return f"totp#{user_id}"


def _signed(user: User, expires: str) -> tuple[str, ...]:
    return "second-factor", user.organization, user.id, str(user.session_version), expires
