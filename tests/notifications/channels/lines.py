"""The line to AWS, which breaks on demand: moto does not know how."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

_XML = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>No.</Message></Error></ErrorResponse>"
_JSON = '{{"__type": "{}", "message": "No."}}'
_REFUSALS = {
    "error": (500, "InternalFailure"),
    "unavailable": (503, "ServiceUnavailable"),
    "quota": (400, "Throttling"),
    "refused": (403, "InvalidClientTokenId"),
}


class Line:
    """`trouble` is what the next call to `host` meets, `never` the code of a refusal for good."""

    def __init__(self, host: str, never: str) -> None:
        self.host, self.never = host, never
        self.trouble = ""
        self.calls: Counter[str] = Counter()

    def carry(self, request: Any, take: Any) -> Any:
        self.calls[self.host] += 1
        trouble, self.trouble = self.trouble, ""
        if trouble == "lost":
            take()
        if trouble in ("lost", "timeout"):
            raise ReadTimeoutError(endpoint_url=request.url)
        if not trouble:
            return take()
        status, code = (400, self.never) if trouble == "never" else _REFUSALS[trouble]
        is_json = "/v2/" in request.url
        body = (_JSON if is_json else _XML).format(code).encode()
        headers: Any = {"x-amzn-errortype": code}
        return AWSResponse(request.url, status, headers, MockRawResponse(body))


@contextmanager
def breakable(line: Line) -> Iterator[Line]:
    """Every call to the line's host goes over it."""
    stub = BotocoreStubber.__call__

    def send(stubber: BotocoreStubber, event_name: str, request: Any, **more: Any) -> Any:
        def take() -> Any:
            return stub(stubber, event_name, request, **more)

        return line.carry(request, take) if f"//{line.host}." in request.url else take()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BotocoreStubber, "__call__", send)
        yield line
