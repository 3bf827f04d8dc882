"""Records what each Lambda function asks of AWS while it runs, presigned requests included.

A function runs from the call of its entry point in `app.py` to its return. What is called outside of one, by tests that
build a world or look into it, is nobody's.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.signers import RequestSigner

from app import app
from chalicelib.core import secrets
from chalicelib.core.http import Api
from chalicelib.lines.photos.service import gallery
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import settings as branding
from tests.system.policies import rights
from tests.system.policies.rights import Right

_running: ContextVar[str | None] = ContextVar("running", default=None)


@dataclass(frozen=True)
class Site:
    """A line of the product that a call to AWS went through."""

    module: str
    code: str
    line: int


@dataclass
class Trace:
    """By Lambda function: the rights it needed, and the lines its calls came through."""

    rights: dict[str, set[Right]] = field(default_factory=lambda: defaultdict(set))
    sites: dict[str, set[Site]] = field(default_factory=lambda: defaultdict(set))

    def note(self, service: str, operation: str, asked: Mapping[str, Any], error: str | None = None) -> None:
        function = _running.get()
        if function is not None:
            self.rights[function].update(rights.needed(service, operation, asked, error))
            self.sites[function].update(_sites())

    def missing(self) -> list[str]:
        """Rights that were needed and are in no policy."""
        return [
            f"{function}: {right}"
            for function, held in sorted(self.rights.items())
            for right in sorted(held - set(rights.given(rights.document(function))))
        ]

    def driven_unlike(self) -> set[tuple[str, str]]:
        """Code that several functions run, and that not all of them left through the same calls.

        A branch that one function was led through, and another one was not, may be missing from the other's policy.
        """
        lines: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for function, sites in self.sites.items():
            for site in sites:
                lines[site.module, site.code][function].add(site.line)
        return {code for code, held in lines.items() if len(set(map(frozenset, held.values()))) > 1}


@contextmanager
def traced(trace: Trace, *, cold: bool = False) -> Iterator[None]:
    """Records everything that runs inside. With `cold` each run of a function is its first: it remembers nothing."""
    api_call, sign = BaseClient._make_api_call, RequestSigner.sign  # type: ignore[attr-defined]

    def make_api_call(client: Any, operation: str, asked: dict[str, Any]) -> Any:
        error = None
        try:
            return api_call(client, operation, asked)
        except ClientError as refusal:
            error = refusal.response["Error"]["Code"]
            raise
        finally:
            trace.note(client.meta.service_model.service_name, operation, asked, error)

    def signed(
        signer: Any,
        operation_name: str,
        request: Any,
        region_name: str | None = None,
        signing_type: str = "standard",
        *more: Any,
        **options: Any,
    ) -> Any:
        if signing_type != "standard":
            trace.note("s3", operation_name, _presigned(request))
        return sign(signer, operation_name, request, region_name, signing_type, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        patch.setattr(RequestSigner, "sign", signed)
        patch.setattr(Api, "__call__", _as("api", Api.__call__, cold))
        for name in rights.SOURCES:
            patch.setitem(app.handler_map, name, _as(name, app.handler_map[name], cold))
        yield


def _as(function: str, run: Callable[..., Any], cold: bool) -> Callable[..., Any]:
    def entered(*arguments: Any) -> Any:
        if cold:
            secrets.forget()
            organizations.forget()
            branding._image.cache_clear()
            gallery._signed.cache_clear()
        before = _running.set(function)
        try:
            return run(*arguments)
        finally:
            _running.reset(before)

    return entered


def _presigned(request: Any) -> dict[str, str]:
    """What a presigned request is for: a form names the key in its policy, an address in its path."""
    bucket, _, key = unquote(urlsplit(request.url).path).strip("/").partition("/")
    conditions = request.context.get("s3-presign-post-policy", {}).get("conditions", [])
    return {"Bucket": bucket, "Key": next((each["key"] for each in conditions if "key" in each), key)}


def _sites() -> Iterator[Site]:
    """The product's frames, from here up."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        module = frame.f_globals["__name__"]
        if module.startswith("chalicelib."):
            yield Site(module, frame.f_code.co_qualname, frame.f_lineno)
        frame = frame.f_back
