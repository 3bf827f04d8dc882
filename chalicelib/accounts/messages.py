"""What accounts tell. A fact carries ids and a nonce, never a code or an address."""

from chalicelib.core.queues import Fact


class SignUpCodeIssued(Fact):
    """Somebody must prove an address: mail the code that belongs to `nonce`."""

    user: str
    nonce: str


class AddressRegisteredAgain(Fact):
    """Somebody registered an address that has an account: tell its owner. `nonce` marks the occasion."""

    user: str
    nonce: str
