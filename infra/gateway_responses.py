"""What API Gateway answers by itself, in the envelope and with the headers of every other answer."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core.errors import AppError, Forbidden, Limited, NotFound, TooLarge, Unavailable
from chalicelib.core.http import SECURITY_HEADERS
from chalicelib.core.wire import refusal_reply

OURS = "Something went wrong on our side."

# API Gateway's name of the case -> the error, and its status where it is not the gateway's own.
CASES: Mapping[str, tuple[AppError, int | None]] = {
    # An address or a method that no route has; the name is that of another age.
    "MISSING_AUTHENTICATION_TOKEN": (NotFound("route_not_found", "There is nothing at this address."), 404),
    "REQUEST_TOO_LARGE": (TooLarge("request_too_large", "A request may hold at most 10 MB."), 413),
    "THROTTLED": (Limited("too_many_requests", "Too many requests. Try again shortly.", retry_after=1), 429),
    "WAF_FILTERED": (Forbidden("request_blocked", "This request was blocked before it reached us."), 403),
    "INTEGRATION_TIMEOUT": (Unavailable("timeout", "This took too long. Try again shortly.", retry_after=2), 504),
    "DEFAULT_4XX": (AppError("request_refused", "This request can not be answered."), None),
    "DEFAULT_5XX": (AppError("internal_error", OURS), None),
}

# A static value stands in single quotes, so none may stand in it: instead of default-src 'none'.
_HEADERS = SECURITY_HEADERS | {"Content-Security-Policy": "sandbox", "X-Frame-Options": "DENY"}

# Any page may read these answers, for they hold a code and nothing of anybody; without it a browser's page can not
# tell "too many requests" from a broken network. There are no cookies, and credentials are never allowed.
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-Request-Id, Retry-After"}


def gateway_responses() -> dict[str, Any]:
    """The value of `x-amazon-apigateway-gateway-responses`."""
    return {case: _response(error, status) for case, (error, status) in CASES.items()}


def _response(error: AppError, status: int | None) -> dict[str, Any]:
    reply = refusal_reply(error, "$context.requestId")
    headers = {name: f"'{value}'" for name, value in {**_HEADERS, **_CORS, **reply.headers}.items()}
    headers["X-Request-Id"] = "context.requestId"
    return {
        **({"statusCode": str(status)} if status else {}),
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(reply.body, separators=(",", ":"))},
    }
