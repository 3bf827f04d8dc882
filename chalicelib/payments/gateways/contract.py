"""What selling asks of a payment gateway. Every adapter passes tests/payments/gateways/contract.py.

Amounts are whole minor units. A call may raise `Unavailable("payment_gateway_unavailable")`, which says
nothing about what the gateway did: a charge may exist all the same. It may raise
`Unprocessable("payment_gateway_refused")`, which says that the gateway did nothing.

What only some gateways can do stands in protocols of its own, and their offers say that they can.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

State = Literal["pending", "authorized", "captured", "expired", "failed", "unknown"]
"""`authorized` is money that is set aside and not taken yet."""
Headers = Mapping[str, str]
"""Those of a webhook, their names in lower case."""

WEBHOOK_KEY = "x-webhook-key"
"""What an address ends in that says `?key=...`, as a header: who signs nothing is known by the address."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to pay as buyers know it. `kind` says what they do: `qr_code`, `card`, `redirect`, `transfer`.

    One that asks for people's work is only `by_choice` of the organization. What `holds` is a `Holder`,
    what `keeps` a `Keeper`, what `disputes` a `Disputer`.
    """

    gateway: str
    title: str
    kind: str
    currencies: tuple[str, ...]
    by_choice: bool = False
    holds: bool = False
    keeps: bool = False
    disputes: bool = False


@dataclass(frozen=True, slots=True)
class GatewayAccount:
    """Where an organization's money goes, and the keys that prove it is them. The keys stay out of `repr`.

    What a gateway has no use for is empty. `proxy` is what PromptPay knows the account by, kind and number. `account`
    is what `Status.account` is compared with; `return_url` is the shop's page to which buyers come back from the
    gateway's.
    """

    api_key: str = field(repr=False)
    key_id: str = ""
    account: str = ""
    type: str = ""
    previous_api_key: str | None = field(default=None, repr=False)
    publishable_key: str = ""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    payable_for: timedelta | None = None
    certificate: str = field(default="", repr=False)
    return_url: str = ""
    proxy: tuple[str, str] | None = field(default=None, repr=False)

    def returning(self, reference: str) -> str:
        """The page, told which payment it is about."""
        return f"{self.return_url}{'&' if '?' in self.return_url else '?'}payment={reference}"


@dataclass(frozen=True, slots=True)
class Picture:
    """The buyer scans a QR code, a PNG; `text` is what the code says, where the gateway tells.

    `link` opens the same on the buyer's own phone.
    """

    png: bytes = field(repr=False)
    text: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """The buyer goes to a page of the gateway."""

    url: str


@dataclass(frozen=True, slots=True)
class HostedFields:
    """The buyer types into fields of the gateway, which the frontend shows with these two."""

    client_secret: str = field(repr=False)
    publishable_key: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The buyer sends the money to an account; `reference` is what they write on it."""

    bank: str
    account: str
    holder: str
    reference: str


Means = Picture | Redirect | HostedFields | Transfer
"""How the buyer pays a charge."""


@dataclass(frozen=True, slots=True)
class Charge:
    """`payable` is what the buyer must send, to the satang: the gateway may add a tail to what was asked.

    `ask_every` are the seconds that the gateway wants between two questions about it. `code` is a picture beside other
    means: scanned, it does the same.
    """

    transaction_id: str
    payable: int
    currency: str
    means: Means
    expires_at: datetime
    ask_every: int | None = None
    code: Picture | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`unknown` is a state this adapter has never heard of: neither paid nor failed. `account` is None where
    the gateway does not say into which account the money went; `fee` is what it kept of it, None where it is silent.
    `capture` is its name for the money that it took, where disputes name that and not the charge."""

    transaction_id: str
    state: State
    amount: int
    currency: str
    reference: str
    account: str | None
    fee: int | None = None
    capture: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """Who a webhook claims to be about. Unproven: only good for finding the account that proves it.

    One about a `dispute`, by the gateway's name for it, knows no reference: it is empty. The transaction is then the
    `capture` of a status, where the gateway tells of that.
    """

    transaction_id: str
    reference: str
    dispute: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A proven webhook. It carries no amount and no state on purpose: those are asked of the gateway."""

    transaction_id: str
    reference: str
    dispute: str | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay that a gateway keeps for somebody, as a person knows it. `expires` is like `2030-01`."""

    brand: str
    last4: str
    expires: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """How a refund stands. `reference` is what the gateway calls it."""

    state: Literal["pending", "settled", "failed"]
    reference: str


DisputeState = Literal["inquiry", "open", "won", "lost", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class Disputed:
    """How a dispute stands: a buyer's bank wants `amount` of a charge back, and we may speak against it until `due_at`.

    An `inquiry` only asks; it may end `closed`. `withdrawn` is what is gone from our account for it at this moment,
    `fee` what the gateway keeps for its trouble, None where it took that in another currency; below zero it gave back
    of the payment's own. `reason` is its word. `transaction_id` as of `Located`.
    """

    transaction_id: str
    state: DisputeState
    amount: int
    currency: str
    reason: str
    withdrawn: int
    fee: int | None
    due_at: datetime | None


class Gateway(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def refunds(self) -> bool:
        """Whether it gives money back when it is asked to. Else people transfer it."""

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        """Ask for `amount` minor units; `reference` comes back in `Status` and in webhooks."""

    def check(self, account: GatewayAccount, transaction_id: str) -> Status: ...

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        """Withdraw a charge that nobody has paid yet; a paid one is refused."""

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        """Give back `amount` minor units of a captured charge, once for each `key`: asked again it says how it stands.

        Raises Unprocessable `refund_by_hand` where the gateway has no such thing, before it is asked anything;
        `payment_gateway_refused` for more than is left of the charge, or another amount under the same key.
        """

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        """What `token` stands for at the gateway.

        Raises Unprocessable: `method_not_saved_here` where the gateway keeps none, `payment_method_unknown`.
        """

    def locate(self, raw: bytes, headers: Headers) -> Located:
        """Raises Unauthorized for anything but a well-formed webhook."""

    def verify(self, account: GatewayAccount, raw: bytes, headers: Headers) -> Notification:
        """Raises Unauthorized for anything not provably sent by the gateway to this account."""

    def acknowledgement(self, told: Notification) -> dict[str, object]:
        """The body, sent with status 200, that makes the gateway stop repeating a webhook."""


@runtime_checkable
class Holder(Gateway, Protocol):
    """It may set the money aside first and take it in a second step. `cancel` lets go what was set aside."""

    def hold(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        """As `create`; once it is paid, `check` says `authorized`."""

    def capture(self, account: GatewayAccount, transaction_id: str) -> None:
        """Take all that is set aside; what was taken already stays so. Nothing set aside is refused."""


@runtime_checkable
class Keeper(Gateway, Protocol):
    """It keeps methods for people, who may pay an open charge with one of them. They are there: nobody pays unseen."""

    def enrol(self, account: GatewayAccount, key: str) -> str:
        """The customer that somebody is there: one for each `key`, as long as the gateway remembers it."""

    def dismiss(self, account: GatewayAccount, customer: str) -> None:
        """Forget a customer with all methods; who is forgotten stays so."""

    def detach(self, account: GatewayAccount, token: str) -> None:
        """Forget one method; what is forgotten, or was nobody's, stays so."""

    def keep(self, account: GatewayAccount, transaction_id: str, customer: str) -> None:
        """Whatever an open charge will be paid with stays with the customer."""

    def confirm(self, account: GatewayAccount, transaction_id: str, customer: str, token: str, back: str) -> str | None:
        """Pay an open charge with what is kept; a card that is declined is refused.

        Returns the page on which the buyer has to agree first, from which they come `back`; None where nobody has to.
        """

    def kept(self, account: GatewayAccount, transaction_id: str) -> str | None:
        """What a captured charge was paid with, if it stays there."""


@runtime_checkable
class Disputer(Gateway, Protocol):
    """Buyers' banks take money back through it."""

    def dispute(self, account: GatewayAccount, dispute: str) -> Disputed:
        """How a dispute stands, by the gateway's name for it."""


class Adapter(Gateway, Protocol):
    """What a class tells the registry beside being a `Gateway`."""

    offer: ClassVar[Offer]

    @classmethod
    def connected(cls) -> Self:
        """One that talks to where the settings say."""

    @staticmethod
    def account_of(organization: str) -> GatewayAccount | None:
        """The organization's own account, else the deployment's, as the secret has them; None where it has neither."""
