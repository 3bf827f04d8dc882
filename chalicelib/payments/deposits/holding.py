"""The writes by which deposits follow money: it came with an order's, or what was on its way back is through."""

from datetime import datetime

from chalicelib.core import ids
from chalicelib.core.table import Write
from chalicelib.orders.model import Order
from chalicelib.payments.deposits import store
from chalicelib.payments.deposits.model import Deposit, Step, What


def taken(order: Order, payment: str, at: datetime) -> list[Write]:
    """What an order's lines ask for is held from the moment that its money is there."""
    return [
        store.add(
            Deposit(
                id=id_of(order, line.id),
                organization=order.organization,
                order=order.id,
                line=line.id,
                subject=line.subject,
                payment=payment,
                owner=order.owner,
                amount=line.deposit.amount,
                currency=order.currency,
                created_at=at,
                due_at=line.deposit.due_at,
                history=(Step(What.HELD, line.deposit.amount, at),),
            )
        )
        for line in order.lines
        if line.deposit
    ]


def ended(organization: str, id: str, amount: int, refund: str, at: datetime, *, settled: bool) -> Write:
    """What a refund took back has arrived, or is held again; holds only while the deposit is as it is now."""
    was = store.get(organization, id)
    step = Step(What.RELEASED if settled else What.RESTORED, amount, at, refund=refund)
    return store.save(was.back(step), was=was)


def id_of(order: Order, line: str) -> str:
    return ids.derived("dep", order.organization, order.id, line)
