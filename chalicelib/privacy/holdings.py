"""Who keeps what of a person: a row a domain. A domain that begins to keep something of people adds its row.

`export` and `erase` take the organization and the user id. `erase` may run again where it was cut off. Rows are erased
from the first to the last; the account goes last, since what the others need to know of a person is there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.federation import service as federation
from chalicelib.announcements import service as announcements
from chalicelib.api_keys import service as api_keys
from chalicelib.carts import service as carts
from chalicelib.core.storage import StoredFile
from chalicelib.events import service as events
from chalicelib.faces import service as faces
from chalicelib.invoices import service as invoices
from chalicelib.lines.photos import service as photos
from chalicelib.lines.prints import service as prints
from chalicelib.lines.tickets import service as tickets
from chalicelib.live import service as live
from chalicelib.members import service as members
from chalicelib.notifications import service as notifications
from chalicelib.orders import service as orders
from chalicelib.payments.deposits import service as deposits
from chalicelib.payments.methods import service as payment_methods
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.transfers import service as transfers
from chalicelib.payouts import service as payouts
from chalicelib.photographers import service as photographers
from chalicelib.privacy.model import Scope
from chalicelib.privacy.service import consents, mails
from chalicelib.profiles import service as profiles
from chalicelib.revenue import service as revenue
from chalicelib.verification import service as verification
from chalicelib.wallet import service as wallet


@dataclass(frozen=True)
class Holding:
    """What one domain keeps. `kept` says what stays behind an erasure, without naming anybody."""

    name: str
    export: Callable[[str, str], Any]
    erase: Callable[[str, str], None]
    files: Callable[[str, str], Iterable[StoredFile]] = lambda organization, user: ()
    scopes: frozenset[Scope] = frozenset({Scope.ACCOUNT})
    kept: str | None = None


HOLDINGS = (
    Holding(
        "photos",
        photos.personal_data,
        photos.erase_person,
        scopes=frozenset({Scope.ACCOUNT, Scope.PHOTOS}),
        kept="finished photos of events that were sold from, without a name",
    ),
    Holding("events", events.personal_data, events.erase_person),
    Holding("photographer", photographers.personal_data, photographers.erase_person),
    Holding("carts", carts.personal_data, carts.erase_person),
    Holding("prints", prints.personal_data, prints.erase_person, kept="what was printed, under a pseudonym"),
    Holding("tickets", tickets.personal_data, tickets.erase_person, kept="tickets, for whoever holds them"),
    Holding("deposits", deposits.personal_data, deposits.erase_person, kept="deposits, under a pseudonym"),
    Holding("refunds", refunds.personal_data, refunds.erase_person, kept="refunds, under a pseudonym"),
    Holding("invoices", invoices.personal_data, invoices.erase_person, kept="documents of account, under a pseudonym"),
    Holding(
        "transfers", transfers.personal_data, transfers.erase_person, transfers.own_files, kept="that a transfer came"
    ),
    Holding(
        "orders",
        orders.personal_data,
        orders.erase_person,
        orders.own_files,
        kept="orders and their ledger, under a pseudonym",
    ),
    Holding(
        "watched_faces",
        announcements.face_data,
        announcements.stop_watching,
        scopes=frozenset({Scope.ACCOUNT, Scope.FACES}),
    ),
    Holding("announcements", announcements.personal_data, announcements.erase_person),
    Holding(
        "earnings",
        revenue.personal_data,
        lambda organization, user: None,
        kept="what photos brought, under a pseudonym",
    ),
    Holding(
        "credit",
        wallet.personal_data,
        wallet.erase_person,
        kept="what moved in a wallet, under a pseudonym",
    ),
    Holding(
        "payouts",
        payouts.personal_data,
        payouts.erase_person,
        kept="what was paid out, under a pseudonym",
    ),
    Holding("verification", verification.personal_data, verification.erase_person, verification.own_files),
    Holding("profile", profiles.personal_data, profiles.erase_person, profiles.own_files),
    Holding("payment_methods", payment_methods.personal_data, payment_methods.erase_person),
    Holding("notifications", notifications.personal_data, notifications.erase_person),
    Holding("told_at_once", lambda organization, user: [], live.erase_person),
    Holding("api_keys", api_keys.personal_data, api_keys.erase_person),
    Holding("invitations", members.personal_data, members.erase_person),
    Holding("faces", faces.personal_data, faces.erase_person, scopes=frozenset({Scope.ACCOUNT, Scope.FACES})),
    Holding("face_recognition", consents.face_data, consents.withdraw_faces, scopes=frozenset({Scope.FACES})),
    Holding("privacy", consents.personal_data, consents.erase_person),
    Holding("accounts_elsewhere", federation.personal_data, federation.erase_person),
    Holding("membership", accounts.membership, accounts.leave_staff),
    Holding(
        "mails_that_came_back",
        mails.personal_data,
        mails.erase_person,
        kept="for a month, as a digest, that nothing goes to an address",
    ),
    Holding("accounts", accounts.personal_data, accounts.erase_person),
)


def of_scope(scope: Scope) -> tuple[Holding, ...]:
    return tuple(holding for holding in HOLDINGS if scope in holding.scopes)
