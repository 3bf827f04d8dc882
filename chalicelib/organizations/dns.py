"""Looking something up in the Domain Name System."""

from chalicelib.core.errors import Unavailable

_PATIENCE = 4.0
"""Seconds in all, over every server that is tried."""


def txt(name: str) -> list[str]:
    """The texts of the TXT records at `name`; none where there is no such name. Raises Unavailable."""
    import dns.exception
    import dns.resolver

    try:
        found = dns.resolver.resolve(name, "TXT", lifetime=_PATIENCE, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as failure:
        raise Unavailable("dns_unavailable", "The name servers do not answer.", retry_after=30) from failure
    return [b"".join(record.strings).decode("utf-8", "replace") for record in found]
