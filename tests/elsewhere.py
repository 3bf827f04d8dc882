"""An identity provider in memory: its tokens say what they claim, and are good for their nonce."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from chalicelib.accounts.providers.contract import Grant, Identity, Proof
from chalicelib.core.errors import Unauthorized


@dataclass(frozen=True)
class FakeProvider:
    name: str

    def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        return f"https://{self.name}.example/authorize?{urlencode({'state': state, 'nonce': nonce})}"

    def identify(self, grant: Grant) -> Identity:
        try:
            told = json.loads(grant.id_token or grant.code or "")
            email, nonce = str(told["email"]), told["nonce"]
        except (ValueError, TypeError, KeyError) as failure:
            raise Unauthorized("identity_refused", "The provider's answer proves nothing.") from failure
        if nonce != grant.nonce:
            raise Unauthorized("identity_refused", "The provider's answer proves nothing.")
        return Identity(self.name, f"{self.name} {email}", email, Proof.OWNED, "Somebody")


def id_token(email: str, nonce: str) -> str:
    return json.dumps({"email": email, "nonce": nonce})
