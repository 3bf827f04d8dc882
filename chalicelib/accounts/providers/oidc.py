"""Google and Apple: OpenID Connect with authorization code, PKCE and nonce; or an app's own ID token.

Formats: https://developers.google.com/identity/openid-connect/openid-connect and
https://developer.apple.com/documentation/signinwithapplerestapi.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from chalicelib.accounts.providers import keys, wire
from chalicelib.accounts.providers.contract import Grant, Identity, Proof
from chalicelib.core import clock, ids
from chalicelib.core.secrets import ProviderClient

_DRIFT = 60
_LONGEST_SUBJECT = 255
_CLIENT_SECRET_LASTS = timedelta(minutes=5)


class OpenId:
    """A provider that signs ID tokens with RS256."""

    def __init__(
        self,
        name: str,
        client: ProviderClient,
        *,
        issuers: tuple[str, ...],
        authorize: str,
        token: str,
        jwks: str,
        proof: Callable[[str, Mapping[str, Any]], Proof],
        secret: Callable[[], str],
        more: Mapping[str, str],
    ) -> None:
        self.name = name
        self._client, self._issuers, self._proof, self._secret = client, issuers, proof, secret
        self._authorize, self._token, self._jwks, self._more = authorize, token, jwks, more

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        asked = {
            "client_id": self._client.client_ids[0],
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **self._more,
        }
        return f"{self._authorize}?{urlencode(asked)}"

    def identify(self, grant: Grant) -> Identity:
        token = grant.id_token if grant.id_token is not None else self._exchanged(grant)
        claims = verified(token, keys.of(self._jwks), self._issuers, self._client.client_ids, grant.nonce)
        email = claims.get("email")
        if not isinstance(email, str):
            email = None
        proven = email is not None and claims.get("email_verified") in (True, "true")
        return Identity(
            provider=self.name,
            subject=claims["sub"],
            email=email,
            proof=self._proof(email, claims) if email and proven else Proof.NONE,
            name=claims["name"] if isinstance(claims.get("name"), str) else None,
        )

    def _exchanged(self, grant: Grant) -> str:
        told = wire.ask(
            "POST",
            self._token,
            data={
                "grant_type": "authorization_code",
                "code": grant.code,
                "redirect_uri": grant.redirect_uri,
                "client_id": self._client.client_ids[0],
                "client_secret": self._secret(),
                "code_verifier": grant.verifier,
            },
        )
        token = told.get("id_token")
        if not isinstance(token, str):
            raise wire.refused()
        return token


def google(client: ProviderClient, sandbox: str | None) -> OpenId:
    return OpenId(
        "google",
        client,
        issuers=(sandbox,) if sandbox else ("https://accounts.google.com", "accounts.google.com"),
        authorize=f"{sandbox}/authorize" if sandbox else "https://accounts.google.com/o/oauth2/v2/auth",
        token=f"{sandbox}/token" if sandbox else "https://oauth2.googleapis.com/token",
        jwks=f"{sandbox}/keys" if sandbox else "https://www.googleapis.com/oauth2/v3/certs",
        proof=_google_proof,
        secret=lambda: _secret_of(client),
        more={"scope": "openid email profile"},
    )


def apple(client: ProviderClient, sandbox: str | None) -> OpenId:
    """Apple tells an address only where it posts its answer: to a page that takes a form, or into its own pop-up."""
    base = sandbox or "https://appleid.apple.com"
    return OpenId(
        "apple",
        client,
        issuers=(base,),
        authorize=f"{base}/authorize" if sandbox else f"{base}/auth/authorize",
        token=f"{base}/token" if sandbox else f"{base}/auth/token",
        jwks=f"{base}/keys" if sandbox else f"{base}/auth/keys",
        proof=_apple_proof,
        secret=lambda: _apple_secret(client, base),
        more={"scope": "openid email", "response_mode": "form_post"},
    )


def verified(
    token: str, known: keys.Keys, issuers: tuple[str, ...], audiences: tuple[str, ...], nonce: str
) -> dict[str, Any]:
    """The claims of an ID token that is provably by one of `issuers`, for one of `audiences`, current and for `nonce`.

    Raises Unauthorized, Unavailable.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            raise wire.refused()
        key = known.find(header["kid"])
        if key is None:
            raise wire.refused()
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=list(audiences),
            options={
                "require": ["iss", "sub", "aud", "exp", "iat", "nonce"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError) as failure:
        raise wire.refused() from failure
    if not _sound(claims, issuers, audiences):
        raise wire.refused()
    if not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise wire.refused()
    return claims


def _sound(claims: Mapping[str, Any], issuers: tuple[str, ...], audiences: tuple[str, ...]) -> bool:
    now = clock.epoch(clock.now())
    texts = all(isinstance(claims[name], str) for name in ("iss", "sub", "nonce"))
    times = all(type(claims[name]) is int for name in ("exp", "iat"))
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    return (
        texts
        and times
        and claims["iss"] in issuers
        and 0 < len(claims["sub"]) <= _LONGEST_SUBJECT
        and claims["exp"] > now - _DRIFT
        and claims["iat"] <= now + _DRIFT
        and (not several or claims.get("azp") in audiences)
    )


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return ids.urlsafe(hashlib.sha256(verifier.encode()).digest())


def _google_proof(email: str, claims: Mapping[str, Any]) -> Proof:
    """Google keeps mailboxes at gmail.com and those of a Workspace, whose domain it names in `hd`."""
    domain = email.lower().rpartition("@")[2]
    return Proof.OWNED if domain in ("gmail.com", claims.get("hd")) else Proof.VERIFIED


def _apple_proof(email: str, _: Mapping[str, Any]) -> Proof:
    domain = email.lower().rpartition("@")[2]
    own = ("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com")
    return Proof.OWNED if domain in own else Proof.VERIFIED


def _secret_of(client: ProviderClient) -> str:
    assert client.client_secret is not None
    return client.client_secret.get_secret_value()


def _apple_secret(client: ProviderClient, audience: str) -> str:
    """Apple's client secret is a JWT that we sign anew."""
    import jwt

    assert client.private_key is not None
    now = clock.now()
    claims = {
        "iss": client.team_id,
        "sub": client.client_ids[0],
        "aud": audience,
        "iat": clock.epoch(now),
        "exp": clock.epoch(now + _CLIENT_SECRET_LASTS),
    }
    return jwt.encode(claims, client.private_key.get_secret_value(), algorithm="ES256", headers={"kid": client.key_id})
