"""Signing in with an account elsewhere, and connecting one.

An attempt is a random ticket; state, nonce and PKCE verifier are derived from it, so that nothing is stored until the
provider has answered. A ticket signs in once.
"""

import hashlib
from dataclasses import replace
from hmac import compare_digest
from urllib.parse import urlsplit

from chalicelib.accounts import providers, store
from chalicelib.accounts.addresses import normal_email
from chalicelib.accounts.federation import store as links
from chalicelib.accounts.federation.model import TICKET_LASTS, Attempt, Link
from chalicelib.accounts.model import Language, Notice, Tokens, User, plain_name
from chalicelib.accounts.providers.contract import Grant, Identity, Proof
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.accounts.second_factor.model import Asked
from chalicelib.accounts.service.recovering import tell, welcome
from chalicelib.accounts.service.sessions import start
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, once, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from chalicelib.core.settings import settings
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations

_LONGEST_NAME = 80


def begin(organization: str, *, provider: str, redirect_uri: str) -> Attempt:
    """Where to send the browser. Raises NotFound for a provider that is not in use, Invalid for a foreign page."""
    adapter = providers.of_name(provider)
    _check_page(organization, redirect_uri)
    expires = clock.epoch(clock.now() + TICKET_LASTS)
    plain = f"{expires}.{ids.token()}"
    ticket = f"{plain}.{secrets.sign('federation', organization, provider, plain)}"
    state, nonce = _derived("state", ticket), _derived("nonce", ticket)
    verifier = _derived("verifier", ticket)
    url = adapter.authorize_url(redirect_uri=redirect_uri, state=state, nonce=nonce, verifier=verifier)
    return Attempt(ticket, state, nonce, url, int(TICKET_LASTS.total_seconds()))


def sign_in(
    principal: Principal,
    *,
    provider: str,
    ticket: str,
    state: str | None = None,
    code: str | None = None,
    redirect_uri: str | None = None,
    id_token: str | None = None,
    language: Language | None = None,
    device: str = "",
) -> Tokens | Asked:
    """Log in with what a provider says, register with it, or connect it to the account of who is logged in.

    Raises NotFound, Invalid, Unauthorized for what proves nothing, Conflict for an address whose owner has to log in
    first, Forbidden for one that the provider has not proven.
    """
    organization = principal.organization
    adapter = providers.of_name(provider)
    _check_ticket(organization, provider, ticket)
    if (code is None) == (id_token is None):
        raise Invalid("code_or_token", "Send what the provider gave: a code or an ID token.", field="code")
    if code is not None:
        if not compare_digest((state or "").encode(), _derived("state", ticket).encode()):
            raise _refused()
        _check_page(organization, redirect_uri or "")
    grant = Grant(
        nonce=_derived("nonce", ticket),
        verifier=_derived("verifier", ticket),
        code=code,
        redirect_uri=redirect_uri,
        id_token=id_token,
    )
    identity = adapter.identify(grant)
    user, writes = _user_of(principal, identity, language)
    writes = (once.claim(organization, "federation", ticket, result=user.id, keep=TICKET_LASTS), *writes)
    asked = None if principal.user else second_factor.asked(user)
    try:
        if asked is None:
            return start(user, device, *writes)
        transact(*writes)
    except once.Taken as failure:
        raise _refused() from failure
    return asked


def connections(principal: Principal) -> list[str]:
    """The providers that the caller signs in with."""
    return personal_data(principal.organization, principal.known_user)


def disconnect(principal: Principal, provider: str) -> None:
    """Sign in with a provider no more. For who has logged in a moment ago.

    Raises NotFound, Forbidden for an old session, Conflict for the last way in: no password and no other provider.
    """
    organization, user_id = principal.organization, principal.known_user
    second_factor.require_fresh(principal)
    entry = links.find_of_user(organization, user_id, provider)
    if entry is None:
        raise NotFound("provider_not_connected", "This provider is not connected.")
    user = store.get(organization, user_id)
    others = [each for each in links.of_user(organization, user_id) if each.sk != entry.sk]
    last = Conflict("last_way_in", "Without this provider you could not log in. Choose a password first.")
    if not user.password and not others:
        raise last
    still = store.keeps_password(user, last) if user.password else links.remains(others[0], last)
    transact(still, *links.forget(organization, entry), _noted(principal, user_id, provider, connected=False))


def personal_data(organization: str, user: str) -> list[str]:
    """The providers that somebody signs in with."""
    return [entry.sk.removeprefix("LINK#") for entry in links.of_user(organization, user)]


def erase_person(organization: str, user: str) -> None:
    """Forget the accounts elsewhere. May run again where it was cut off."""
    for entry in links.of_user(organization, user):
        transact(*links.forget(organization, entry))


def _user_of(principal: Principal, identity: Identity, language: Language | None) -> tuple[User, tuple[Write, ...]]:
    """Whose account the identity opens, and what is to be written for that."""
    organization = principal.organization
    link = links.find(organization, identity.provider, identity.subject)
    if principal.user is not None:
        return _connected(principal, identity, link)
    if link is not None:
        return store.get(organization, link.user), ()
    if identity.email is None or identity.proof is Proof.NONE:
        raise Forbidden(
            "email_not_proven", "The provider has proven no e-mail address. Register with yours, then connect it."
        )
    address = normal_email(identity.email)
    known = store.find_by_address(organization, address)
    if known is None:
        user = _new_user(organization, address, identity, language)
        greeted = tell(user, Notice.WELCOME, "welcome")
        return user, (*store.add(user), *links.add(_link(user, identity)), greeted)
    if not known.verified:  # whoever registered it has proven nothing, and keeps neither password nor session
        owned = known.claimed_by_owner(clock.now())
        return owned, (store.save(owned, was=known), *links.add(_link(owned, identity)), *welcome(known))
    if identity.proof is not Proof.OWNED:
        raise Conflict("log_in_to_connect", "There is an account with this address. Log in and connect the provider.")
    return known, (*links.add(_link(known, identity)), _noted(principal, known.id, identity.provider, connected=True))


def _connected(principal: Principal, identity: Identity, link: Link | None) -> tuple[User, tuple[Write, ...]]:
    second_factor.require_fresh(principal)
    user = store.get(principal.organization, principal.known_user)
    if link is not None and link.user == user.id:
        return user, ()
    return user, (*links.add(_link(user, identity)), _noted(principal, user.id, identity.provider, connected=True))


def _new_user(organization: str, address: str, identity: Identity, language: Language | None) -> User:
    """A customer without a password: who wants one asks for a reset."""
    now = clock.now()
    return User(
        id=ids.new("usr"),
        organization=organization,
        email=address,
        name=_name(identity, address),
        roles=frozenset({"customer"}),
        password="",
        language=language or organizations.get(organization).language,
        verified_at=now,
        session_version=1,
        created_at=now,
        version=1,
    )


def _name(identity: Identity, address: str) -> str:
    try:
        return plain_name((identity.name or "")[:_LONGEST_NAME])
    except Invalid:
        return address.partition("@")[0][:_LONGEST_NAME]


def _link(user: User, identity: Identity) -> Link:
    return Link(user.organization, identity.provider, ids.digest(identity.subject), user.id, clock.now())


def _noted(principal: Principal, user: str, provider: str, *, connected: bool) -> Write:
    which = {"provider": provider}
    return audit.entry(
        replace(principal, user=user),
        action="user.provider_connected" if connected else "user.provider_disconnected",
        entity="user",
        entity_id=user,
        before=None if connected else which,
        after=which if connected else None,
    )


def _check_ticket(organization: str, provider: str, ticket: str) -> None:
    """Raises Unauthorized unless it is one of ours that has not run out."""
    plain, _, signature = ticket.rpartition(".")
    if not secrets.is_signature(signature, "federation", organization, provider, plain):
        raise _refused()
    if int(plain.partition(".")[0]) <= clock.epoch(clock.now()):
        raise _refused()


def _derived(name: str, ticket: str) -> str:
    """256 bits that follow from a ticket and tell nothing of it."""
    return ids.urlsafe(hashlib.sha256(ids.joined("federation", name, ticket)).digest())


def _refused() -> Unauthorized:
    return Unauthorized("attempt_over", "This attempt to sign in is over. Begin again.")


def _check_page(organization: str, redirect_uri: str) -> None:
    """Codes go to pages of our frontends only."""
    parts = urlsplit(redirect_uri)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin not in {*settings().allowed_origins, *organizations.origins_of(organization)} or parts.fragment:
        raise Invalid("foreign_page", "The page must be one of the organization's origins.", field="redirectUri")
