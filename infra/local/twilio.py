"""A Twilio that runs on this machine: the wire format of its Messages API, no phones, and faults on demand.

`POST /2010-04-01/Accounts/{sid}/Messages.json` takes texts, `GET .../Messages/{sid}.json` says what became of one.
`GET /_sandbox/messages` shows them, `POST /_sandbox/faults` lets the next calls go wrong. A number that ends in one of
`NUMBERS` is refused as Twilio refuses such numbers.
"""

import base64
import hmac
import re
import secrets
from functools import cached_property
from http import HTTPStatus

from infra.local.carrier import NO_ANSWER, Carrier
from infra.local.sandbox import Doors, Refused, Reply, as_json, written

NUMBERS = {
    "0001": (21211, "Invalid 'To' Phone Number"),
    "0002": (21614, "'To' number is not a valid mobile number"),
    "0003": (21610, "Attempt to send to unsubscribed recipient"),
}
FAULTS = {
    "send": {
        **NO_ANSWER,
        "error": "500",
        "unavailable": "503",
        "quota": "429, code 20429",
        "refused": "401, code 20003",
        "region": "400, code 21408: not to this country",
        "garbage": "no JSON",
        "redirect": "302",
    }
}
_ERRORS = {
    "error": (HTTPStatus.INTERNAL_SERVER_ERROR, 20500, "Internal Server Error"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, 20503, "Service Unavailable"),
    "quota": (HTTPStatus.TOO_MANY_REQUESTS, 20429, "Too Many Requests"),
    "refused": (HTTPStatus.UNAUTHORIZED, 20003, "Authenticate"),
    "region": (HTTPStatus.BAD_REQUEST, 21408, "Permission to send an SMS has not been enabled for the region"),
}
_LONGEST = 1600


class Handler(Doors):
    server_version = "TwilioSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: TwilioSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["_sandbox", "messages"]:
                return as_json({"messages": sandbox.messages})
            case ["2010-04-01", "Accounts", account, "Messages", name]:
                return sandbox.tell(account, self.headers.get("Authorization", ""), name.removesuffix(".json"))
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: TwilioSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["2010-04-01", "Accounts", account, "Messages.json"]:
                return sandbox.take(account, self.headers.get("Authorization", ""), self._sent())
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        return written(refusal.reason, "text/html", refusal.status)


class TwilioSandbox(Carrier):
    who, known, doors = "Twilio", FAULTS, Handler

    @cached_property
    def account(self) -> dict[str, str]:
        """As the application's secret holds it."""
        sid, key = f"AC{secrets.token_hex(16)}", f"SK{secrets.token_hex(16)}"
        own = {"account_sid": sid, "user": key, "password": secrets.token_hex(16)}
        return {**own, "sender": f"MG{secrets.token_hex(16)}", "url": self.url}

    def take(self, account: str, authorization: str, form: dict[str, str]) -> Reply:
        fault = self.fault()
        if fault == "redirect":
            return Reply(HTTPStatus.FOUND, b"{}", "application/json", location="/")
        if fault == "garbage":
            raise Refused(HTTPStatus.BAD_GATEWAY, "<html>")
        if not self._is_ours(account, authorization):
            fault = "refused"
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        to, text = form.get("To", ""), form.get("Body", "")
        sender = form.get("MessagingServiceSid") or form.get("From")
        if sender != self.account["sender"] or not text:
            return _error(HTTPStatus.BAD_REQUEST, 21603 if text else 21602, "A 'From' and a 'Body' are required")
        if len(text) > _LONGEST:
            return _error(HTTPStatus.BAD_REQUEST, 21617, "The concatenated message body exceeds the 1600 limit")
        refused = NUMBERS.get(to[-4:]) or (None if re.fullmatch(r"\+[1-9][0-9]{4,14}", to) else NUMBERS["0001"])
        if refused:
            return _error(HTTPStatus.BAD_REQUEST, *refused)
        sid = f"SM{secrets.token_hex(16)}"
        self.keep(fault, sid=sid, to=to, text=text)
        return as_json(self._resource(sid, "accepted"), HTTPStatus.CREATED)

    def tell(self, account: str, authorization: str, sid: str) -> Reply:
        if not self._is_ours(account, authorization):
            return _error(*_ERRORS["refused"])
        if not any(message["sid"] == sid for message in self.messages):
            return _error(HTTPStatus.NOT_FOUND, 20404, "The requested resource was not found")
        return as_json(self._resource(sid, "delivered"))

    def _resource(self, sid: str, status: str) -> dict[str, object]:
        """Of the fields of Twilio's resource those that say what became of a text."""
        (found,) = (message for message in self.messages if message["sid"] == sid)
        told = {"account_sid": self.account["account_sid"], "error_code": None, "error_message": None}
        return {"sid": sid, "status": status, "to": found["to"], "body": found["text"], **told}

    def _is_ours(self, account: str, authorization: str) -> bool:
        known = base64.b64encode(f"{self.account['user']}:{self.account['password']}".encode()).decode()
        ours = hmac.compare_digest(authorization.encode(), f"Basic {known}".encode())
        return ours and account == self.account["account_sid"]


def _error(status: HTTPStatus, code: int, message: str) -> Reply:
    told = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return as_json(told | {"status": status.value}, status)
