"""What a licence says. Pure: values in, a document out that is still to be signed."""

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from chalicelib.core import clock
from chalicelib.entitlements.model import Grant, Sale

TYPE = "photo-licence"
VERSION = 1

TERMS: Mapping[str, str] = {
    "personal": (
        "The buyer may keep, print and share the photo for private purposes. Selling it, and using it to advertise "
        "anything, are not allowed."
    ),
    "commercial": (
        "The buyer may also use the photo in the course of business and to advertise, as long as nobody shown in it is "
        "said to endorse anything. Selling the photo itself is not allowed."
    ),
}
"""The classes of licence, and what each allows."""


def document(grant: Grant, sale: Sale, *, price: int, name: str) -> dict[str, Any]:
    """The licence for one file of an order. `price` is in minor units, `name` that of the organization."""
    return {
        "type": TYPE,
        "version": VERSION,
        "id": grant.id,
        "licensor": {"id": grant.organization, "name": name},
        "order": {"id": grant.order, "code": sale.code},
        "buyer": sale.buyer,
        "photo": {"id": grant.resource, "filename": grant.filename, "sha256": grant.sha256},
        "terms": {"class": sale.terms, "text": TERMS[sale.terms]},
        "price": {"amount": price, "currency": sale.currency},
        "paidAt": clock.stamp(sale.paid_at),
        "issuedAt": clock.stamp(grant.created_at),
    }


def packet(licence: Mapping[str, Any]) -> bytes:
    """The licence as an XMP packet (ISO 16684-1): the rights for whoever reads rights, the document for a proof."""
    terms = escape(str(licence["terms"]["text"]))
    proof = escape(json.dumps(licence, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    holder = escape(str(licence["licensor"]["name"]))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:licence="urn:thepixstock:licence:1">'
        "<xmpRights:Marked>True</xmpRights:Marked>"
        f'<xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">{terms}</rdf:li></rdf:Alt></xmpRights:UsageTerms>'
        f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{holder}</rdf:li></rdf:Alt></dc:rights>'
        f"<licence:document>{proof}</licence:document>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
