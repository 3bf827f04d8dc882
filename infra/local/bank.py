"""A biller's bank that runs on this machine: its wire format, no real money, and faults on demand.

A WSGI application. `v1/oauth/token` and `v1/payment/billpayment/inquiry` are the bank's; its page is a banking app,
into which one pastes the text of a QR code; `payments` does the same for programs. Notices go to this machine only, and
it does not start on a stage that other people use.
"""

import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import requests

from chalicelib.core import clock
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.promptpay import BILL_IN_QR, THAILAND
from infra.local.sandbox import BODY_LIMIT, HEADERS, PAGES, keep, refuse_strangers

PATH = "/_local/bank"
TOKEN_LASTS = timedelta(minutes=30)
BETWEEN_NOTICES = (12.0, 12.0)
"""Seconds before a notice that nobody took is sent again; after that the bank writes a mail."""

FAULTS = {
    "timeout": "no answer for a while, then an error",
    "lost": "the answer breaks off",
    "error": "status 500",
    "garbage": "the answer is garbage",
    "redirect": "redirected",
    "extra": "unknown fields in the answer",
    "odd_status": "money with a mark nobody has heard of",
    "ended": "the token is not good any more",
}
__SHOWN = 100
_SHOWN = 100
PAGES.filters |= {
    "satang": lambda amount: f"฿{amount // 100:,}.{amount % 100:02d}",
    "thai": lambda moment: moment.astimezone(THAILAND).strftime("%d %b %H:%M:%S"),
}


class Refused(Exception):
    """What the bank does not carry out, with its own code."""

    def __init__(self, status: HTTPStatus, code: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason


@dataclass
class Money:
    """One payment of a bill; `amount` in satang. `notice` is what became of telling the biller."""

    id: str
    at: datetime
    biller: str
    first: str
    second: str
    third: str
    amount: int
    taken_back: bool = False
    notice: str = "none"

    def written(self) -> dict[str, object]:
        return {
            "eventCode": BILL_IN_QR,
            "transactionType": "Domestic Transfers",
            "reverseFlag": "R" if self.taken_back else "",
            "payeeProxyId": self.biller,
            "payeeProxyType": "BILLERID",
            "payerName": "สมหญิง ใจดี",
            "payerAccountNumber": "xxxxxx1234",
            "sendingBankCode": "014",
            "receivingBankCode": "014",
            "amount": f"{self.amount // 100}.{self.amount % 100:02d}",
            "transactionId": self.id,
            "transactionDateandTime": self.at.astimezone(THAILAND).isoformat(timespec="milliseconds"),
            "billPaymentRef1": self.first,
            "billPaymentRef2": self.second,
            "billPaymentRef3": self.third,
            "currencyCode": emvco.BAHT,
            "channelCode": "PMH",
        }


@dataclass(frozen=True)
class _Answer:
    """`missing` are bytes that are promised and never come."""

    status: HTTPStatus
    body: bytes
    kind: str = "application/json"
    location: str | None = None
    missing: int = 0


@dataclass(frozen=True)
class Client:
    """A biller, and what it shows to be let in."""

    key: str
    secret: str
    biller: str


class BankSandbox:
    """`url` is where it is mounted. `webhook_url` holds the key that proves a notice. With `state` money is kept."""

    def __init__(
        self,
        client: Client,
        webhook_url: str,
        state: Path | None = None,
        *,
        stage: str = "local",
        between_notices: Sequence[float] = BETWEEN_NOTICES,
    ) -> None:
        refuse_strangers("bank", stage, webhook_url)
        self.url = ""
        self.hang = 12.0
        self.requests: list[str] = []
        self._client = client
        self._webhook_url = webhook_url
        self._state = state
        self._between = tuple(between_notices)
        self._lock = threading.RLock()
        self._tokens: dict[str, datetime] = {}
        self._faults = Counter[str]()
        self._stopping = threading.Event()
        stored = json.loads(state.read_text("utf-8")) if state is not None and state.exists() else []
        self._money = [Money(**each | {"at": datetime.fromisoformat(each["at"])}) for each in stored]

    def stop(self) -> None:
        self._stopping.set()

    # --- what a person, or a bad day, does ----------------------------------------------------------------------

    def pay(
        self, qr: str, *, amount: int | None = None, notices: int = 1, wrong_key: bool = False, take_back: bool = False
    ) -> Money:
        """Pay what the text of a QR code asks for, or another `amount` of satang. Raises Refused."""
        try:
            asked = emvco.scanned(qr)
            bill = emvco.fields(asked["30"])
            if bill["00"] != emvco.BILL_PAYMENT or asked["53"] != emvco.BAHT:
                raise ValueError("not a bill in baht")
            wanted = _satang(asked["54"]) if amount is None else amount
        except (KeyError, ValueError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, 1102, "This is not the QR code of a bill.") from error
        if bill["01"] != self._client.biller:
            raise Refused(HTTPStatus.BAD_REQUEST, 1102, "Nobody here has this biller id.")
        money = Money(
            id=f"{clock.now():%Y%m%d}{secrets.token_hex(8).upper()}",
            at=clock.now(),
            biller=bill["01"],
            first=bill["02"],
            second=bill.get("03", ""),
            third=emvco.fields(asked.get("62", "")).get("07", ""),
            amount=wanted,
            taken_back=take_back,
        )
        with self._lock:
            self._money.append(money)
            self._save()
        for _ in range(notices):
            self.notify(money, wrong_key=wrong_key)
        return money

    def notify(self, money: Money, *, wrong_key: bool = False) -> None:
        """Tell the biller, as often as the bank does until somebody takes it."""
        money.notice = "due"
        threading.Thread(target=self._tell, args=(money, wrong_key), daemon=True).start()

    def take_back(self, money: Money) -> None:
        with self._lock:
            money.taken_back = True
            self._save()

    def misbehave(self, fault: str, times: int = 1) -> None:
        """What goes wrong with the next requests for money. Raises KeyError."""
        FAULTS[fault]
        with self._lock:
            self._faults[fault] = times

    def money(self) -> list[Money]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._money))

    # --- what is asked over HTTP --------------------------------------------------------------------------------

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].removeprefix(PATH).strip("/")
        self.requests.append(path)
        body = environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), BODY_LIMIT))
        try:
            answer = self._answer(environ, path, body)
        except Refused as refusal:
            answer = _Answer(refusal.status, _said(refusal.code, refusal.reason))
        length = ("Content-Length", str(len(answer.body) + answer.missing))
        place = [("Location", answer.location)] if answer.location else []
        status = f"{answer.status.value} {answer.status.phrase}"
        start_response(status, [*HEADERS.items(), ("Content-Type", answer.kind), length, *place])
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment, path: str, body: bytes) -> _Answer:
        match environ["REQUEST_METHOD"], path:
            case "POST", "v1/oauth/token":
                return self._grant(_object(body))
            case "GET", "v1/payment/billpayment/inquiry":
                return self._inquire(environ)
            case "GET", "":
                return _Answer(HTTPStatus.OK, self._page(), "text/html; charset=utf-8")
            case "POST", "payments":
                return self._take(environ, body)
        raise Refused(HTTPStatus.NOT_FOUND, 9900, "There is nothing at this address.")

    def _grant(self, asked: Mapping[str, Any]) -> _Answer:
        known = (self._client.key, self._client.secret)
        shown = (str(asked.get("applicationKey")), str(asked.get("applicationSecret")))
        if not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(known, shown, strict=True)):
            raise Refused(HTTPStatus.UNAUTHORIZED, 9500, "Invalid apikey provided")
        token, ends = secrets.token_urlsafe(24), clock.now() + TOKEN_LASTS
        with self._lock:
            self._tokens[token] = ends
        data = {
            "accessToken": token,
            "tokenType": "Bearer",
            "expiresIn": int(TOKEN_LASTS.total_seconds()),
            "expiresAt": clock.epoch(ends),
        }
        return _Answer(HTTPStatus.OK, _said(1000, "Success", data))

    def _inquire(self, environ: WSGIEnvironment) -> _Answer:
        fault = self._fault()
        if fault == "timeout":
            self._stopping.wait(self.hang)
        if fault in ("timeout", "error"):
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, 9700, "Generic server side error")
        if fault == "redirect":
            return _Answer(HTTPStatus.TEMPORARY_REDIRECT, b"", location=self.url)
        with self._lock:
            if fault == "ended":
                self._tokens.clear()
            ends = self._tokens.get(environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "))
        if ends is None or ends <= clock.now():
            raise Refused(HTTPStatus.UNAUTHORIZED, 9300, "Invalid/expired temporary token")
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if query.keys() < {"eventCode", "transactionDate", "billerId", "reference1"}:
            raise Refused(HTTPStatus.BAD_REQUEST, 1101, "Missing required parameters")
        if fault == "garbage":
            return _Answer(HTTPStatus.OK, b"<html><body>Down for maintenance")
        if fault == "lost":
            return _Answer(HTTPStatus.OK, b"{", missing=1)
        found: list[dict[str, object]] = [money.written() for money in reversed(self.money()) if _fits(money, query)]
        if not found:
            raise Refused(HTTPStatus.NOT_FOUND, 1104, "Requested entity record does not exist")
        if fault == "odd_status":
            found = [each | {"reverseFlag": "?"} for each in found]
        if fault == "extra":
            found = [each | {"promotion": {"th": "ฟรี", "until": None}} for each in found]
        return _Answer(HTTPStatus.OK, _said(1000, "Success", found))

    def _take(self, environ: WSGIEnvironment, body: bytes) -> _Answer:
        """A payment, from a program as JSON or from the page as a form, which no other web site can send."""
        if environ.get("CONTENT_TYPE", "").startswith("application/json"):
            asked = _object(body)
            money = self.pay(**asked | ({"amount": _satang(str(asked["amount"]))} if "amount" in asked else {}))
            return _Answer(HTTPStatus.OK, json.dumps(money.written()).encode())
        if urlsplit(environ.get("HTTP_ORIGIN", "")).netloc != environ.get("HTTP_HOST"):
            raise Refused(HTTPStatus.FORBIDDEN, 9503, "This form was not sent by a page of the bank.")
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        if form.get("fault") in FAULTS:
            self.misbehave(form["fault"])
        else:
            amount = _satang(form["amount"]) if form.get("amount") else None
            notices = int("silent" not in form)
            self.pay(form.get("qr", "").strip(), amount=amount, notices=notices, wrong_key="wrong_key" in form)
        return _Answer(HTTPStatus.SEE_OTHER, b"", location=self.url)

    def _page(self) -> bytes:
        faults = {name: self._faults[name] for name in FAULTS}
        page = PAGES.get_template("bank.html")
        return page.render(path=PATH, money=self.money()[:_SHOWN], meanings=FAULTS, faults=faults).encode()

    # --- inside -------------------------------------------------------------------------------------------------

    def _fault(self) -> str | None:
        with self._lock:
            fault = next(iter(+self._faults), None)
            if fault is not None:
                self._faults[fault] -= 1
            return fault

    def _tell(self, money: Money, wrong_key: bool) -> None:
        body = {name: value for name, value in money.written().items() if name not in ("eventCode", "reverseFlag")}
        url = f"{self._webhook_url}{'x' if wrong_key else ''}"
        for pause in (*self._between, None):
            if _taken(url, body):
                money.notice = "delivered"
                return
            if pause is None or self._stopping.wait(pause):
                money.notice = "abandoned"
                return

    def _save(self) -> None:
        if self._state is not None:
            keep(self._state, [asdict(each) | {"at": each.at.isoformat()} for each in self._money])


def _fits(money: Money, query: Mapping[str, str]) -> bool:
    return (
        query["eventCode"] == BILL_IN_QR
        and money.at.astimezone(THAILAND).date().isoformat() == query["transactionDate"]
        and (money.biller, money.first) == (query["billerId"], query["reference1"])
        and query.get("reference2", money.second) == money.second
    )


def _taken(url: str, body: Mapping[str, object]) -> bool:
    """Whether the biller took a notice: it answers as the bank wants it."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.post(url, json=body, timeout=5, allow_redirects=False)
            answer = response.json() if response.status_code == HTTPStatus.OK else {}
        except requests.RequestException:
            return False
    return answer == {"resCode": "00", "resDesc": "success", "transactionId": body["transactionId"]}


def _said(code: int, description: str, data: object = None) -> bytes:
    return json.dumps({"status": {"code": code, "description": description}, "data": data}, ensure_ascii=False).encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body, parse_float=str)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, 1102, "Invalid parameters entered")
    return found


def _satang(baht: str) -> int:
    try:
        amount = Decimal(baht) * 100
    except InvalidOperation:
        amount = Decimal(0)
    if amount <= 0 or amount % 1:
        raise Refused(HTTPStatus.BAD_REQUEST, 1102, "An amount is in baht, such as 100.24.")
    return int(amount)
