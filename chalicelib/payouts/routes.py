"""Payouts over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request, idempotency_key
from chalicelib.payouts import model, schemas, service, statements

routes = Routes("payouts")

_CSV = "text/csv"


@routes.get("/revenue/payouts", permission="revenue.read", returns=schemas.Payout, many=True)
def list_payouts(principal: Principal, query: Paging) -> Page[model.Payout]:
    """All batches, the newest first."""
    return service.listed(principal, query.request())


@routes.post(
    "/revenue/payouts",
    permission="payout.manage",
    returns=schemas.Payout,
    status=201,
    headers=("Idempotency-Key",),
)
def open_payout(principal: Principal, request: Request, body: schemas.NewPayout) -> model.Payout:
    """Pay out what everybody earned and was not paid yet, once for each `Idempotency-Key`.

    The batch is `collecting` for a moment, then a `draft` that another person approves.
    """
    return service.open_payout(principal, body.until, idempotency_key(request))


@routes.get("/revenue/payouts/{id}", permission="revenue.read", returns=schemas.Payout)
def read_payout(principal: Principal, id: str) -> model.Payout:
    """A batch of payouts and how far it is."""
    return service.get(principal, id)


@routes.get("/revenue/payouts/{id}/items", permission="revenue.read", returns=schemas.Item, many=True)
def list_items(principal: Principal, id: str, query: Paging) -> Page[schemas.Item]:
    """Who gets what in a batch and where, of each number the last four characters. What is `held` is not paid."""
    return service.items(principal, id, query.request()).map(schemas.Item.of)


@routes.post("/revenue/payouts/{id}/approve", permission="payout.approve", returns=schemas.Payout, status=200)
def approve_payout(principal: Principal, id: str) -> model.Payout:
    """Approve a draft that somebody else made."""
    return service.approve(principal, id)


@routes.put("/revenue/payouts/{id}/status", permission="payout.manage", returns=schemas.Payout)
def tell_of_payout(principal: Principal, id: str, body: schemas.NewStatus) -> model.Payout:
    """Say that an approved batch was sent, that a sent one was settled, or that one failed, or some of its transfers.

    With `failed` and `parties` some are taken out before they are sent, or were refused by the bank.

    What failed is owed again, and in the next batch.
    """
    return service.tell(principal, id, body.told())


@routes.post("/revenue/payouts/{id}/bank-file", permission="payout.manage", raw=_CSV)
def export_transfers(principal: Principal, id: str) -> Reply:
    """The transfers of an approved batch for the bank: `reference,holder,bank,account,amount,currency`."""
    return Reply(service.bank_file(principal, id), content_type=_CSV)


@routes.get("/revenue/payouts/{id}/items/{party}", permission="revenue.read", raw=_CSV)
def read_statement(principal: Principal, id: str, party: str) -> Reply:
    """What a party's payout is made of: `day,kind,event,bookings,amount,currency`."""
    return Reply(service.statement(principal, id, party), content_type=_CSV)


@routes.get("/users/me/payouts", permission=SIGNED_IN, guarded=True, returns=schemas.OwnItem, many=True)
def list_my_payouts(principal: Principal, query: Paging) -> Page[schemas.OwnItem]:
    """What the caller was paid, the newest first. What is `held` waits for a bank account."""
    return service.mine(principal, query.request()).map(schemas.OwnItem.of)


@routes.get("/users/me/payouts/{id}/statement", permission=SIGNED_IN, guarded=True, raw=_CSV)
def read_my_statement(principal: Principal, id: str) -> Reply:
    """What a payout to the caller is made of: `day,kind,event,bookings,amount,currency`."""
    return Reply(service.my_statement(principal, id), content_type=_CSV)


# --- statements of account ------------------------------------------------------------------------------------


@routes.get("/revenue/statements/{party}", permission="revenue.read", raw=_CSV)
def read_account(principal: Principal, party: str, query: schemas.Days) -> Reply:
    """What somebody was owed, earned and was paid: `day,kind,reference,event,event_name,amount,balance,currency`.

    `party` is a photographer's user id or the organization's. The first line is the opening balance, the last one the
    closing balance.
    """
    return Reply(statements.sheet(principal, party, query.first_day, query.last_day), content_type=_CSV)


@routes.post(
    "/revenue/statements/{party}", permission="revenue.read", returns=schemas.Drawn, status=200, limit=(60, 60)
)
def draw_account(principal: Principal, party: str, body: schemas.WantedDays) -> statements.Drawn:
    """The same as PDF, of up to 1,000 postings."""
    return statements.draw(principal, party, body.first_day, body.last_day)


@routes.get("/users/me/statement", permission=SIGNED_IN, guarded=True, raw=_CSV)
def read_my_account(principal: Principal, query: schemas.Days) -> Reply:
    """What the caller was owed, earned and was paid, as `GET /revenue/statements/{party}`."""
    return Reply(statements.my_sheet(principal, query.first_day, query.last_day), content_type=_CSV)


@routes.post(
    "/users/me/statement", permission=SIGNED_IN, guarded=True, returns=schemas.Drawn, status=200, limit=(30, 60)
)
def draw_my_account(principal: Principal, body: schemas.WantedDays) -> statements.Drawn:
    """The same as PDF, of up to 1,000 postings."""
    return statements.draw_mine(principal, body.first_day, body.last_day)
