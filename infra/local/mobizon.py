"""A Mobizon that runs on this machine: its wire format, no phones, and faults on demand.

`POST /service/message/sendsmsmessage` takes texts, `POST .../getsmsstatus` says what became of them. Whatever happens
is answered with 200 and a `code`. `GET /_sandbox/messages` shows the texts, `POST /_sandbox/faults` lets the next calls
go wrong. A number that ends in 0001 is none.
"""

import hmac
import re
import secrets
from functools import cached_property
from http import HTTPStatus

from infra.local.carrier import NO_ANSWER, Carrier
from infra.local.sandbox import Doors, Refused, Reply, as_json, written

FAULTS = {
    "send": {
        **NO_ANSWER,
        "error": "500",
        "unavailable": "503",
        "quota": "code 30: too many calls",
        "refused": "code 8: the key is not known",
        "broke": "code 10: nothing left on the account",
        "text": "code 1 that blames the text",
        "garbage": "no JSON",
        "redirect": "302",
    }
}
_CODES = {
    "quota": (30, "Too many requests."),
    "refused": (8, "Authentication failed."),
    "broke": (10, "Not enough money."),
}
_STATUSES = {"error": HTTPStatus.INTERNAL_SERVER_ERROR, "unavailable": HTTPStatus.SERVICE_UNAVAILABLE}


class Handler(Doors):
    server_version = "MobizonSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: MobizonSandbox = self.server.sandbox
        if path == "/_sandbox/messages":
            return as_json({"messages": sandbox.messages})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: MobizonSandbox = self.server.sandbox
        if path == "/_sandbox/faults":
            return as_json(sandbox.faults.set(self._json_body()))
        sent = self._query() | self._sent()
        if (sent.get("output"), sent.get("api")) != ("json", "v1"):
            raise Refused(HTTPStatus.BAD_REQUEST, "<html>")
        match path.lower().strip("/").split("/"):
            case ["service", "message", "sendsmsmessage"]:
                return sandbox.take(sent)
            case ["service", "message", "getsmsstatus"]:
                return sandbox.tell(sent)
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        return written(refusal.reason, "text/html", refusal.status)


class MobizonSandbox(Carrier):
    who, known, doors = "Mobizon", FAULTS, Handler

    @cached_property
    def account(self) -> dict[str, str]:
        """As the application's secret holds it."""
        return {"api_key": secrets.token_hex(20), "sender": "ThePix", "url": self.url}

    def take(self, sent: dict[str, str]) -> Reply:
        fault = self.fault()
        if fault == "redirect":
            return Reply(HTTPStatus.FOUND, b"{}", "application/json", location="/")
        if fault == "garbage":
            raise Refused(HTTPStatus.BAD_GATEWAY, "<html>")
        if fault in _STATUSES:
            raise Refused(_STATUSES[fault], "<html>")
        if not self._knows(sent):
            fault = "refused"
        if fault in _CODES:
            return _answer(*_CODES[fault])
        to, text = sent.get("recipient", ""), sent.get("text", "")
        if not re.fullmatch("[1-9][0-9]{4,14}", to) or to.endswith("0001"):
            return _answer(1, "Validation failed.", {"recipient": "Invalid phone number."})
        if fault == "text" or not text or sent.get("from") not in (None, self.account["sender"]):
            return _answer(1, "Validation failed.", {"text": "The text is not allowed."})
        id = str(len(self.messages) + 1)
        self.keep(fault, id=id, to=f"+{to}", text=text)
        return _answer(0, "", {"campaignId": id, "messageId": id, "status": 2})

    def tell(self, sent: dict[str, str]) -> Reply:
        if not self._knows(sent):
            return _answer(*_CODES["refused"])
        ids = sent.get("ids", "").split(",")
        found = [message for message in self.messages if message["id"] in ids]
        return _answer(0, "", [{"id": message["id"], "status": "DELIVRD", "segNum": 1} for message in found])

    def _knows(self, sent: dict[str, str]) -> bool:
        return hmac.compare_digest(sent.get("apiKey", "").encode(), self.account["api_key"].encode())


def _answer(code: int, message: str, data: object = None) -> Reply:
    return as_json({"code": code, "data": data, "message": message})
