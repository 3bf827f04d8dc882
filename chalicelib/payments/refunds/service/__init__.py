"""Refunds: a buyer asks, staff decide, the gateway or a person sends the money, and the books follow.

Before any money moves it is set aside: in one transaction the payment's `refundable` falls and the refund is written.
What becomes of it is booked once, in the transaction that raises its rank.
"""

from chalicelib.payments.refunds.service.deciding import (
    begin,
    decide,
    request,
    return_deposit,
    return_waiting,
    take_for_bank,
)
from chalicelib.payments.refunds.service.lapsing import give_back_lapsed
from chalicelib.payments.refunds.service.looking import (
    erase_person,
    get,
    list_waiting,
    of_order,
    of_payment,
    pay_to,
    personal_data,
)
from chalicelib.payments.refunds.service.sending import at_stake, end_dispute, submit, submit_due, take_back

__all__ = [
    "at_stake",
    "begin",
    "decide",
    "end_dispute",
    "erase_person",
    "get",
    "give_back_lapsed",
    "list_waiting",
    "of_order",
    "of_payment",
    "pay_to",
    "personal_data",
    "request",
    "return_deposit",
    "return_waiting",
    "submit",
    "submit_due",
    "take_back",
    "take_for_bank",
]
