"""Saved payment methods. Pure rules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from chalicelib.core.errors import Conflict, Invalid, NotFound

MOST_METHODS = 10
_LONG_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9]){11,}")
_CARD_LENGTHS = range(12, 20)  # ISO/IEC 7812-1


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """`sealed` is the gateway's token as `core.sealing` keeps it; `expires` is like `2030-01`."""

    id: str
    gateway: str
    sealed: str = field(repr=False)
    brand: str
    last4: str
    expires: str | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """What somebody is called at a gateway that keeps methods for them."""

    gateway: str
    id: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """All methods of one person, the oldest first; one of them is the default as long as there is any."""

    organization: str
    user: str
    methods: tuple[SavedMethod, ...] = ()
    default: str | None = None
    customers: tuple[Customer, ...] = ()
    version: int = 0

    def customer_of(self, gateway: str) -> str | None:
        return next((customer.id for customer in self.customers if customer.gateway == gateway), None)

    def known_as(self, customer: Customer) -> Self:
        """Who is known at a gateway already stays who they are there."""
        if self.customer_of(customer.gateway) is not None:
            return self
        return replace(self, customers=(*self.customers, customer), version=self.version + 1)

    def find(self, method_id: str) -> SavedMethod:
        """Raises NotFound."""
        found = next((method for method in self.methods if method.id == method_id), None)
        if found is None:
            raise NotFound("payment_method_not_found", "There is no such payment method.")
        return found

    def has(self, method_id: str) -> bool:
        return any(method.id == method_id for method in self.methods)

    def add(self, method: SavedMethod) -> Self:
        """One that is there already stays as it is. Raises Conflict when there are enough."""
        if self.has(method.id):
            return self
        if len(self.methods) >= MOST_METHODS:
            raise Conflict("too_many_payment_methods", f"Keep up to {MOST_METHODS}. Take one away first.")
        return self._with((*self.methods, method), self.default or method.id)

    def remove(self, method_id: str) -> Self:
        """The oldest that is left becomes the default where that is removed."""
        self.find(method_id)
        left = tuple(method for method in self.methods if method.id != method_id)
        default = self.default if self.default != method_id else left[0].id if left else None
        return self._with(left, default)

    def make_default(self, method_id: str) -> Self:
        return self._with(self.methods, self.find(method_id).id)

    def _with(self, methods: tuple[SavedMethod, ...], default: str | None) -> Self:
        return replace(self, methods=methods, default=default, version=self.version + 1)


def refuse_card_number(text: str) -> None:
    """Raises Invalid for a text in which the number of a card may stand: those are the gateway's to take."""
    if any(_is_card_number(number) for number in _long_numbers(text)):
        raise Invalid("card_number_refused", "Send the gateway's token, never the number of a card.", field="token")


def _long_numbers(text: str) -> Iterator[list[int]]:
    for found in _LONG_NUMBER.finditer(text):
        yield [int(sign) for sign in found[0] if sign.isdigit()]


def _is_card_number(digits: list[int]) -> bool:
    """Whether digits have the length and the control digit of a card's number (Luhn, ISO/IEC 7812-1)."""
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return len(digits) in _CARD_LENGTHS and sum(doubled) % 10 == 0
