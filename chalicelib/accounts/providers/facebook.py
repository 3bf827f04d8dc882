"""Facebook: OAuth 2.0 with a code, whose access token is examined; or the ID token of Limited Login.

Facebook says of no address whether it was proven: it links nothing.
Formats: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow.
"""

import hashlib
import hmac
from urllib.parse import urlencode

from chalicelib.accounts.providers import keys, oidc, wire
from chalicelib.accounts.providers.contract import Grant, Identity, Proof
from chalicelib.core.secrets import ProviderClient

_VERSION = "v23.0"


class Facebook:
    name = "facebook"

    def __init__(self, client: ProviderClient, sandbox: str | None) -> None:
        self._client = client
        self._issuer = sandbox or "https://www.facebook.com"
        self._dialog = f"{sandbox}/authorize" if sandbox else f"https://www.facebook.com/{_VERSION}/dialog/oauth"
        self._graph = sandbox or f"https://graph.facebook.com/{_VERSION}"
        self._jwks = f"{sandbox}/keys" if sandbox else "https://www.facebook.com/.well-known/oauth/openid/jwks/"

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        asked = {
            "client_id": self._client.client_ids[0],
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": "public_profile,email",
        }
        return f"{self._dialog}?{urlencode(asked)}"

    def identify(self, grant: Grant) -> Identity:
        if grant.id_token is not None:
            known = keys.of(self._jwks)
            claims = oidc.verified(grant.id_token, known, (self._issuer,), self._client.client_ids, grant.nonce)
            return self._identity(claims["sub"], claims.get("email"), claims.get("name"))
        return self._looked_up(self._exchanged(grant))

    def _exchanged(self, grant: Grant) -> str:
        told = wire.ask(
            "POST",
            f"{self._graph}/oauth/access_token",
            data={
                "client_id": self._client.client_ids[0],
                "client_secret": self._secret,
                "redirect_uri": grant.redirect_uri,
                "code": grant.code,
            },
        )
        token = told.get("access_token")
        if not isinstance(token, str):
            raise wire.refused()
        return token

    def _looked_up(self, token: str) -> Identity:
        """Who the token is about, if it was made for us: another site's would open our accounts otherwise."""
        app = self._client.client_ids[0]
        asked = {"input_token": token, "access_token": f"{app}|{self._secret}"}
        data = wire.ask("GET", f"{self._graph}/debug_token", params=asked).get("data")
        if not isinstance(data, dict) or data.get("is_valid") is not True or str(data.get("app_id")) != app:
            raise wire.refused()
        proof = hmac.new(self._secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        wanted = {"fields": "id,name,email", "access_token": token, "appsecret_proof": proof}
        person = wire.ask("GET", f"{self._graph}/me", params=wanted)
        if not isinstance(person.get("id"), str) or person["id"] != data.get("user_id") or not person["id"]:
            raise wire.refused()
        return self._identity(person["id"], person.get("email"), person.get("name"))

    def _identity(self, subject: str, email: object, name: object) -> Identity:
        return Identity(
            provider=self.name,
            subject=subject,
            email=email if isinstance(email, str) else None,
            proof=Proof.NONE,
            name=name if isinstance(name, str) else None,
        )

    @property
    def _secret(self) -> str:
        assert self._client.client_secret is not None
        return self._client.client_secret.get_secret_value()
