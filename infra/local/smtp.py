"""An SMTP server of this machine: TLS, logging in, no way out, and faults on demand.

`messages` are those that it took. A mailbox whose name begins with `nobody` is none, one with `busy` is none today. It
listens on 127.0.0.1, and not on a stage that others use.
"""

import asyncio
import secrets
import warnings
from collections.abc import Awaitable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from infra.local.authority import Authority
from infra.local.sandbox import Faults

FAULTS = {
    "recipient": {"greylisted": "451: try again later"},
    "data": {
        "timeout": "no answer, and nothing is taken",
        "lost": "taken, and no answer",
        "quota": "452: too many mails",
        "error": "451",
        "refused": "554: this mail never",
    },
}
_ANSWERS = {"quota": "452 4.5.3 Too many mails", "error": "451 4.3.0 Try again", "refused": "554 5.7.1 Not this mail"}


class _Silent(SMTP):
    """Its word is its own: what is asked of it need not be answered."""

    def hang_up(self) -> None:
        cast(asyncio.WriteTransport, self.transport).abort()


class SmtpSandbox:
    """`security` is how it speaks TLS, `authority` what vouches for it."""

    def __init__(self, *, stage: str = "local", security: Literal["starttls", "tls"] = "starttls") -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the SMTP sandbox takes no part in the stage {stage!r}")
        self._security: Literal["starttls", "tls"] = security
        self._authority = Authority("localhost")
        self._user, self._password = f"user-{secrets.token_hex(4)}", secrets.token_hex(16)
        self._controller: Controller | None = None
        self.faults = Faults(FAULTS)
        self.faults.hang = 12
        self.messages: list[EmailMessage] = []

    def start(self) -> Self:
        trust = self._authority.serving()
        always: dict[str, Any] = {"auth_required": True, "authenticator": self._authenticate}
        always["auth_require_tls"] = self._security == "starttls"  # it does not see that everything is under TLS
        own = {"ssl_context": trust} if self._security == "tls" else {"tls_context": trust, "require_starttls": True}
        self._controller = _Server(self, hostname="127.0.0.1", port=0, **always, **own)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def account(self) -> dict[str, Any]:
        """As the application's secret holds it."""
        if self._controller is None:
            raise RuntimeError("the SMTP sandbox has no address before it starts")
        port = self._controller.port
        own = {"user": self._user, "password": self._password, "security": self._security}
        return {"host": "localhost", "port": port, "authority": self._authority.root, **own}

    def _authenticate(self, *told: Any) -> AuthResult:
        given = told[-1]
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (
            self._user.encode(),
            self._password.encode(),
        )
        return AuthResult(success=known, handled=known)

    # --- what aiosmtpd calls --------------------------------------------------------------------------------

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 No such mailbox"
        if address.startswith("busy") or self.faults.take("recipient") == "greylisted":
            return "451 4.7.1 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self.faults.take("data")
        if fault == "timeout":
            await asyncio.sleep(self.faults.hang)
        if fault in _ANSWERS:
            return _ANSWERS[fault]
        if fault != "timeout":
            raw = cast(bytes, envelope.content)
            self.messages.append(message_from_bytes(raw, policy=policy.default))
        if fault:
            cast(_Silent, server).hang_up()
        return "250 OK"


class _Server(Controller):
    """At any free port, which it tells when it listens."""

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self._listen()

    async def _listen(self) -> asyncio.AbstractServer:
        server = cast(asyncio.Server, await super()._create_server())
        self.port = server.sockets[0].getsockname()[1]
        return server

    def factory(self) -> SMTP:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # TLS from the first byte it can not see
            return _Silent(self.handler, **self.SMTP_kwargs)
