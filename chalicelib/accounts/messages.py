"""What accounts tell. A fact carries ids and a nonce, never a code or an address."""

from pydantic import AwareDatetime

from chalicelib.accounts.model import Notice, Purpose
from chalicelib.core.queues import Fact


class SignUpCodeIssued(Fact):
    """Somebody must prove the address they register with: send the code that belongs to `nonce`."""

    user: str
    nonce: str


class CodeIssued(Fact):
    """Somebody must prove an address for another reason: send the code that belongs to `nonce`."""

    user: str
    purpose: Purpose
    nonce: str


class SampleAsked(Fact):
    """Somebody wants to see a notice as it reads now, at an address of their own. `nonce` marks the occasion."""

    user: str
    kind: str
    channel: str
    language: str
    nonce: str


class NewDeviceSeen(Fact):
    """Somebody logged in from a device that none of the user's last sessions was on."""

    user: str
    session: str
    device: str
    at: AwareDatetime


class AccountChanged(Fact):
    """Something happened to an account that its owner should hear of. `nonce` marks the occasion."""

    user: str
    notice: Notice
    nonce: str


class AddressRegisteredAgain(Fact):
    """Somebody registered an address that has an account: tell its owner. `nonce` marks the occasion."""

    user: str
    nonce: str
