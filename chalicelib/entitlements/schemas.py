"""Downloads on the wire."""

from datetime import datetime

from chalicelib.core.wire import Output


class DownloadableFile(Output):
    """`remaining` of `limit` downloads can still be begun, until `expiresAt`."""

    resource: str
    title: str
    filename: str
    content_type: str
    limit: int
    remaining: int
    expires_at: datetime
    revoked: bool


class Downloads(Output):
    """The files of one order."""

    order: str
    files: list[DownloadableFile]


class Download(Output):
    """Fetch `url` with a plain GET before `expiresAt`; `sha256` (hex) is that of the file."""

    url: str
    filename: str
    content_type: str
    sha256: str | None
    remaining: int
    expires_at: datetime
