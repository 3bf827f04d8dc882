"""The addresses of a person: a short book that is read and written whole."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.core import ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.profiles import store
from chalicelib.profiles.model import Address, AddressBook, VersionConflict, checked

_TRIES = 5


def list_addresses(principal: Principal) -> AddressBook:
    return store.addresses_of(principal.organization, principal.known_user)


def add_address(principal: Principal, address: Address) -> tuple[AddressBook, Address]:
    """The book, and the address as it is kept; one that is in it already is not added again. `address` has no id yet.

    Raises Invalid, or Conflict when the book is full.
    """
    new = replace(checked(address), id=ids.new("adr"))
    book = _change(principal, lambda book: book if book.same_as(new) else book.add(new))
    kept = book.same_as(new)
    assert kept is not None
    return book, kept


def change_address(principal: Principal, address: Address) -> AddressBook:
    """Raises Invalid or NotFound."""
    return _change(principal, lambda book: book.change(checked(address)))


def remove_address(principal: Principal, address_id: str) -> None:
    """Raises NotFound."""
    _change(principal, lambda book: book.remove(address_id))


def make_default(principal: Principal, address_id: str) -> AddressBook:
    """Raises NotFound."""
    return _change(principal, lambda book: book.make_default(address_id))


def _change(principal: Principal, change: Callable[[AddressBook], AddressBook]) -> AddressBook:
    """Change the book as it is now: two who write at once both get what they asked for."""
    for _ in range(_TRIES):
        book = list_addresses(principal)
        changed = change(book)
        if changed is book:
            return book
        try:
            transact(store.save_addresses(changed, was=book))
            return changed
        except VersionConflict:
            continue
    raise Conflict("changed_meanwhile", "Your addresses keep changing. Try again.")
