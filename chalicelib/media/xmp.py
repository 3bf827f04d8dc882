"""An XMP packet in a JPEG: one APP1 segment before the picture (ISO 16684-1, XMP part 3, section 1.1.3)."""

import struct

from chalicelib.core.errors import Unprocessable
from chalicelib.media import containers
from chalicelib.media.deliver import APP0, APP1

HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST = 65533  # of a segment, without its marker and length


def with_xmp(jpeg: bytes, packet: bytes) -> bytes:
    """See `service.with_xmp`."""
    refused = Unprocessable("not_embeddable", "Only a JPEG without XMP of its own takes it.")
    if containers.sniff(jpeg[:64]) != "jpeg" or len(HEADER) + len(packet) > _LONGEST:
        raise refused
    at = 2
    for segment in containers.jpeg_segments(jpeg):
        if segment.kind[0] not in (APP0, APP1):
            break
        if jpeg.startswith(HEADER, segment.body):
            raise refused
        at = segment.end
    body = HEADER + packet
    return jpeg[:at] + struct.pack(">BBH", 0xFF, APP1, len(body) + 2) + body + jpeg[at:]
