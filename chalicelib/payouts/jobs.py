"""What follows the opening and the end of a batch, and who is told."""

from chalicelib.accounts import service as accounts
from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.payouts import service
from chalicelib.payouts.messages import PayoutEnded, PayoutItemFailed, PayoutItemSent, PayoutOpened, PayoutSent
from chalicelib.payouts.model import ItemState


@on(PayoutOpened)
def collect(fact: PayoutOpened) -> Outcome:
    return service.collect(fact.organization, fact.payout)


@on(PayoutSent)
def announce(fact: PayoutSent) -> Outcome:
    return service.announce(fact.organization, fact.payout)


@on(PayoutEnded)
def end_items(fact: PayoutEnded) -> Outcome:
    return service.end_items(fact.organization, fact.payout)


@on(PayoutItemSent, queue="emails")
def mail_sent(fact: PayoutItemSent) -> Outcome:
    """Skipped once it has failed: another mail tells of that."""
    found = service.find_transfer(fact.organization, fact.payout, fact.party)
    if found is None or found.item.state in (ItemState.FAILED, ItemState.HELD):
        return Outcome.SKIPPED
    account = f"{found.account.bank} {found.account.number}" if found.account else None
    return _mail(found, "payout_sent", account=account)


@on(PayoutItemFailed, queue="emails")
def mail_failed(fact: PayoutItemFailed) -> Outcome:
    found = service.find_transfer(fact.organization, fact.payout, fact.party)
    return _mail(found, "payout_failed", reason=found.item.reason) if found else Outcome.SKIPPED


def _mail(paid: service.Transfer, template: str, **more: str | None) -> Outcome:
    """Skipped for who was forgotten, and for who has no address to mail."""
    item = paid.item
    user = accounts.find_user(item.organization, item.whose)
    if user is None or user.email is None:
        return Outcome.SKIPPED
    return notifications.send_email(
        item.organization,
        once=f"{template.replace('_', '-')}#{item.reference}",
        to=user.email,
        template=template,
        language=user.language,
        values={"name": user.name, "amount": str(Money(item.amount, item.currency)), **more},
        reader=Reader(user.id, page="/users/me/payouts"),
    )
