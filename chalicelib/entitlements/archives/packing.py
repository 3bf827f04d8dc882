"""A ZIP file written piece by piece: what is done leaves memory, and another process can go on with the rest.

The format is the standard library's work (APPNOTE 6.3 with its ZIP64 parts). Files are stored, not compressed: photos
do not get smaller.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from chalicelib.entitlements.archives.model import Packed


class Pack:
    """The ZIP file from byte `offset` on, of which `packed` lie before. Files are added whole, one after the other.

    `held` bytes wait to be taken. The directory at the end comes with `close`.
    """

    def __init__(self, offset: int, packed: Sequence[Packed], at: datetime) -> None:
        self._window = _Window(offset)
        self._zip = ZipFile(self._window, "w", ZIP_STORED)
        self._date = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self._zip.infolist().extend(self._info(known) for known in packed)

    def __enter__(self) -> "Pack":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    @property
    def held(self) -> int:
        return len(self._window.content)

    @property
    def packed(self) -> list[Packed]:
        return [Packed(info.filename, info.CRC, info.file_size, info.header_offset) for info in self._zip.infolist()]

    def add(self, name: str, content: bytes) -> None:
        self._zip.writestr(ZipInfo(name, self._date), content)

    def close(self) -> None:
        self._zip.close()

    def take(self) -> bytes:
        """What was written since the last time. It is held here no longer."""
        return bytes(self._window.take())

    def _info(self, known: Packed) -> ZipInfo:
        info = ZipInfo(known.name, self._date)
        info.CRC, info.file_size, info.compress_size = known.crc, known.size, known.size
        info.header_offset, info.external_attr = known.offset, 0o600 << 16
        return info


class _Window:
    """A file of which only the end is held: bytes before `_base` were taken. It has what `ZipFile` asks of one."""

    def __init__(self, base: int) -> None:
        self._base, self._at = base, base
        self.content = bytearray()

    def tell(self) -> int:
        return self._at

    def seek(self, to: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or to < self._base:
            raise io.UnsupportedOperation("these bytes were taken")
        self._at = to
        return to

    def write(self, data: bytes, /) -> int:
        start = self._at - self._base
        self.content[start : start + len(data)] = data
        self._at += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        """Nothing is held that would have to be given back."""

    def take(self) -> bytearray:
        taken, self.content = self.content, bytearray()
        self._base += len(taken)
        return taken
