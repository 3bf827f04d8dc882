"""Where a webhook may go: which URLs are taken, and which addresses are called.

Whoever names a URL has us send requests from inside. So a URL is read strictly, an address is called only when it is
one of the public internet, and what is called is the address that was looked at, never the name again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from chalicelib.core.errors import Invalid

LONGEST_URL = 500
PORTS = frozenset({443, 8443})
_LOCAL = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1"}
"""Names of this machine, which are taken where a setting says so."""

_PLAIN = re.compile(r"[!-~]+")
"""Visible ASCII alone: a name in other letters is given as its `xn--` form, which is what is looked up."""
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z])(?!-){_LABEL}")
"""Two labels or more, of which the last begins with a letter: no way to write an address is a name."""
_NOT_PUBLIC = ("localhost", "local", "internal", "home.arpa", "onion", "invalid", "test", "example")
"""Top-level names that lead to no public host, by RFC 2606, 6761, 6762, 7686, 8375 and ICANN's reservation."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_REFUSED = tuple(
    ip_network(network)
    for network in (
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "168.63.129.16/32",  # what a virtual machine asks about itself at Azure
        "2001::/23",  # protocols, Teredo among them, RFC 2928
        "2002::/16",  # 6to4: an IPv4 address in disguise, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: `target` is the path and the query. What is `local` is this machine, without TLS."""

    host: str
    port: int
    target: str
    local: bool = False

    @property
    def authority(self) -> str:
        """The host as a request names it."""
        return self.host if self.port == (80 if self.local else 443) else f"{self.host}:{self.port}"


class Refused(Exception):
    """No address of a name may be called."""


def place_of(url: str, *, local: bool = False) -> Place:
    """Where `url` leads. Raises Invalid `invalid_url` for what is not taken; this machine only with `local`."""
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url) or any(sign in url for sign in '\\"<>^`{|}#'):
        raise _invalid("Use visible ASCII without a fragment.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as failure:
        raise _invalid("It is no URL.") from failure
    if "@" in parts.netloc:
        raise _invalid("It names a user.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if local and parts.scheme == "http" and host in _LOCAL:
        return Place(host, port or 80, target, local=True)
    if parts.scheme != "https":
        raise _invalid("Only https is called.")
    if port not in (None, *PORTS) or parts.netloc.endswith(":"):
        raise _invalid(f"Use one of the ports {', '.join(map(str, sorted(PORTS)))}.")
    if len(host) > 253 or not _NAME.fullmatch(host) or _ends_in(host, _NOT_PUBLIC):
        raise _invalid("Use the name of a public host.")
    return Place(host, port or 443, target)


def is_public(address: str) -> bool:
    """Whether an address is a host's of the public internet, and no other's in disguise."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if any(found.version == network.version and found in network for network in _REFUSED):
        return False
    return found.is_global and _is_host(found)


def choose(place: Place, found: Sequence[str]) -> str:
    """The address to call, an IPv4 one first. Raises Refused where any is not public: such a name is not to be trusted.

    What is found for a name is what is called: a name that leads elsewhere a moment later changes nothing.
    """
    if place.local:
        return _LOCAL[place.host]
    if not found or not all(map(is_public, found)):
        raise Refused
    return min(found, key=lambda address: ":" in address)


def _is_host(found: IPv4Address | IPv6Address) -> bool:
    if isinstance(found, IPv6Address) and found not in _GLOBAL_UNICAST:
        return False  # IPv4-mapped, IPv4-compatible, NAT64 and all that is local lie outside
    return not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _ends_in(host: str, names: Sequence[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _invalid(why: str) -> Invalid:
    return Invalid("invalid_url", f"This URL can not be called. {why}", field="url")
