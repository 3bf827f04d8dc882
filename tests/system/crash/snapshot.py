"""The end of a run in a form that two runs can be compared in, and what must hold at the end of any run.

Left out is what may differ between two runs that did the same: moments, versions, rate limits, and the random part
of ids, tokens and order codes. An id that was there before the run is kept, so that nothing gets attached to
another one; of a new one its kind is kept, and within a row which ones are the same.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from moto.s3.models import s3_backends

from chalicelib.core import clock
from chalicelib.lines.photos.model import ERASED, Approval
from tests.rekognition import here
from tests.stack import ACCOUNT, template
from tests.system.crash.world import World, items, mails, texts

_ID = re.compile(r"\b[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DAY = re.compile(r'(?<="day": "\\")\d{4}-\d\d-\d\d')
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_VERSION = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TRANSACTION = re.compile(r"\bT\d{4}\b")
_SEALED = re.compile(r"\b[0-9a-f]{12}\.[\w-]{38,}")
_SIGNATURE = re.compile(r"(?<![\w-])[\w-]{86}(?![\w-])")
_MADE_FOR_A_BUYER = ("archives/", "licensed/", "invoices/")
"""Where files lie that hold licences and receipts, which say when they were issued."""
_SHARD = re.compile(r"(G#DUE#\w+#)\d")
_NOTICES = re.compile(r"#TALLY#notices-\d{4}-\d\d$")
_MARKS = {
    "sent": ("email", "sms", "inapp", "push"),
    "delivered": ("delivery",),
    "clicked": ("click",),
}
"""What is counted of notices, and the marks in whose transactions that is."""

_LEFT_OUT = {"version", "ttl", "checked_at", "calls", "attempts"}
"""Of a webhook's calls, too: one whose answer was lost is one more."""
_RANDOM = {
    "hint",
    "password",
    "refresh_digest",
    "nonce",
    "token_hash",
    "entry_code",
    "fingerprint",
    "secret",
    "recovery",
    "step",
    "token",
    "signed",
    "former",
}
TOTALS = {"base", "tax", "base_back", "tax_back"}
_NOT_RECORDS = {"org", "crd", "crt", "out", "cor", "inv", "fct", "fix", "own", "pit", "ntf", "whk"}
"""Kinds of id that need no row: the default organization, a cart that was emptied into an order, a correlation, an
invitation that was taken up, what somebody was told, an index of faces, whose an address is, credit that is spent,
what a bank tells with a transfer, what somebody deleted from their inbox, a webhook that was deleted.
"""


def domains() -> list[str]:
    """The tables, by the name of their domain."""
    resources = template()["Resources"].values()
    names = [r["Properties"]["TableName"] for r in resources if r["Type"] == "AWS::DynamoDB::Table"]
    return sorted(name.rpartition("-")[2] for name in names)


def rows(table: str) -> list[dict[str, Any]]:
    """A table's items with plain values; numbers as text."""
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in items(table)]


def known_ids() -> frozenset[str]:
    """Every id that the tables hold now."""
    return frozenset(_ID.findall(json.dumps([rows(table) for table in domains()])))


def canonical(world: World, known: frozenset[str]) -> Counter[str]:
    """The state as lines. `known` are the ids from before the run."""
    lines = [*_table_lines(known), *_timed(known)]
    lines += [f"s3 {bucket} {_plain(key, known)} {digest}" for bucket, key, digest in _objects()]
    lines += [f"queued {message.queue} {message.body}" for message in world.messages]
    lines += [f"dead {message.queue} {message.body}" for message in world.dead_letters]
    codes = {row["code"] for row in rows("orders") if "code" in row}
    for mail in mails():
        subject = re.sub("|".join(codes) or "(?!)", "<code>", mail.subject)
        lines.append(f"mail {mail.destinations['ToAddresses']} {subject}")
    lines += [f"text {phone} {_said(text)}" for phone, text in texts()]
    lines += [f"push {token} {topic}" for token, topic in world.phones.sent]
    lines += [f"heard {type}" for type in dict(world.ears.heard).values()]  # each by its id, as receivers should
    for collection, faces in here().collections.items():
        lines += [f"faces {_plain(collection, known)} {_plain(name, known)}" for name, _ in faces.values()]
    for charge in world.bank.charges.values():
        state = "cancelled" if charge.transaction_id in world.bank.cancelled else charge.state
        lines.append(f"gateway {state} {charge.amount} {charge.currency} for {_plain(charge.reference, known)}")
    lines += [f"lab {held.state} {_plain(reference, known)}" for reference, held in world.printer.orders.items()]
    lines += [
        f"gateway gave back {amount} for {_plain(key, known)}" for key, (_, amount) in world.bank.returned.items()
    ]
    return Counter(lines)


def _said(text: str) -> str:
    """A text without codes, times and links."""
    return re.sub(r"[0-9]+", "<number>", re.sub(r"https?://\S+", "<link>", text))


def _table_lines(known: frozenset[str]) -> Iterator[str]:
    for table in domains():
        for row in rows(table):
            if "#LIM#" in row["pk"] or row["pk"].endswith("#TIMES") or "#TALLY#" in row["pk"] or "#TAXED#" in row["pk"]:
                continue  # rate limits count requests, and a repeated one is one more; times are counted below
            kept = {name: value for name, value in row.items() if name not in _LEFT_OUT}
            kept |= dict.fromkeys(_RANDOM & kept.keys(), "<random>")
            if "code" in kept:
                kept["code"] = "<code>"
            if "frame" in kept:  # what is told late shows a later state, and two facts may come in any order
                kept["frame"] = json.loads(kept["frame"])["type"]
            if any(f"#CLM#{channel}#" in kept["pk"] for channel in ("email", "sms", "push")):
                kept["result"] = "<message id>"
            for name in ("place", "name") if "#SES#" in kept["pk"] or kept["sk"].startswith("PLACE#") else ():
                kept[name] = "<place>"  # which of the free ones is nobody's business
            if kept["sk"].startswith("PLACE#"):
                kept["sk"] = "PLACE#"
            if kept["sk"] == "ARCHIVE":
                kept |= dict.fromkeys({"upload", "parts"} & kept.keys(), "<storage's>")
            if "transfer_to" in kept and "transaction" in kept:  # id, moment and amount: see gateways/terms.py
                kept["transaction"] = f"{kept['transaction'][:26]}<moment>{kept['transaction'][33:]}"
            if kept["sk"] == "-" and "unread" in kept:  # what is told a day late counts for that day
                kept["unread"] = sum(json.loads(kept["unread"]).values())
            if "topic" in kept:  # of what happened at what time tells a text
                kept |= {"title": _without_codes(kept["title"]), "text": "<text>"}
            if table == "webhooks" and "body" in kept:  # it tells how things stood when it was written
                kept["body"] = json.loads(kept["body"])["type"]
            if table == "webhooks":  # how many were made and how many calls failed differs after a fault
                kept |= dict.fromkeys({"endpoints", "failures"} & kept.keys(), "<count>")
            if table == "orders" and "#CODE#" in kept["pk"]:
                kept["pk"] = kept["pk"].rpartition("#")[0]
            text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
            yield f"{table} {_plain(_without_codes(text) if table == 'entitlements' else text, known)}"


def _timed(known: frozenset[str]) -> Iterator[str]:
    """How many photos of each event came to sale, how many things are in which state, what was taxed. Which shard, how
    long it took and on which day differs after a fault.
    """
    counted: Counter[str] = Counter()
    for row in rows("photos"):
        if row["pk"].endswith("#TIMES"):
            counted[row["pk"]] += int(row["n"])
    for row in rows("claims"):
        if _NOTICES.search(row["pk"]):
            _, *what, figure = row["sk"].partition("#")[0].split("/")
            if figure not in ("sent", "linked"):  # of a mail that was asked for again there are two
                counted[f"notices {what} {figure}"] += int(row["n"])
        elif "#TALLY#" in row["pk"]:
            counted[f"{row['pk']} {row['sk'].partition('#')[0]}"] += int(row["n"])
    for row in rows("ledger"):
        if "#TAXED#" in row["pk"]:
            kind = row["sk"].split("#")[1:4]
            counted.update({f"taxed {kind} {name}": int(row[name]) for name in TOTALS & row.keys()})
    return (_plain(f"{pk}: {count}", known) for pk, count in counted.items())


def _without_codes(text: str) -> str:
    codes = {row["code"] for row in rows("orders") if "code" in row}
    return re.sub("|".join(codes) or "(?!)", "<code>", text)


def _plain(text: str, known: frozenset[str]) -> str:
    """`text` without what is random in it."""
    numbers: dict[str, int] = {}

    def kind(found: re.Match[str]) -> str:
        if found[0] in known:
            return found[0]
        return f"<{found[0][:3]} {numbers.setdefault(found[0], len(numbers) + 1)}>"

    text = _ID.sub(kind, _SHARD.sub(r"\1*", text))
    text = _SIGNATURE.sub("<signature>", text)
    text = _SEALED.sub("<sealed>", _TRANSACTION.sub("<transaction>", text))
    return _VERSION.sub("<version>", _DIGEST.sub("<digest>", _DAY.sub("<day>", _MOMENT.sub("<moment>", text))))


def _objects() -> Iterator[tuple[str, str, str]]:
    """Bucket, key and SHA-256 of every object as it is now."""
    for bucket in s3_backends[ACCOUNT]["aws"].buckets.values():
        for key, held in bucket.keys.items():
            told = "<copy of the tables>" if key.startswith("exports/") else hashlib.sha256(held.value).hexdigest()
            told = "<with licences>" if key.startswith(_MADE_FOR_A_BUYER) else told
            yield bucket.name.rpartition("-")[2], key, told


# --- what must hold -----------------------------------------------------------------------------------------


def violations(world: World) -> list[str]:
    """What is wrong in itself, whatever the golden run says."""
    found = [f"{message.queue}: dead letter {message.body}" for message in world.dead_letters]
    found += [
        *_dangling(),
        *_unbalanced(),
        *_money(world),
        *_refunded(world),
        *_disputed(),
        *_deposited(),
        *_shared(),
        *_wallets(),
        *_held(),
        *_counted_sales(),
        *_miscounted(),
        *_miscounted_notices(),
        *_promotions(),
        *_grants(),
        *_documents(),
        *_incomplete_photos(),
        *_inboxes(),
    ]
    return found


def _dangling() -> Iterator[str]:
    """An id that no record has. Those in the audit log and in lists of what was offered outlive it; in orders and in
    the books so does somebody whom the audit log knows, for people are erased and what they bought and earned is not.
    """
    held = {row["id"] for table in domains() for row in rows(table) if "id" in row}
    now = clock.epoch(clock.now())
    held |= {address["id"] for row in rows("profiles") for address in json.loads(row.get("addresses", "[]"))}
    held |= {method["id"] for row in rows("payments") for method in json.loads(row.get("methods", "[]"))}
    audited = {id for row in rows("audit") for id in _ID.findall(json.dumps(row)) if id.startswith("usr")}
    for table in domains():
        for row in rows(table):
            has_expired = int(row.get("ttl", now + 1)) <= now
            if table == "audit" or "#UPL#" in row["pk"] or has_expired:
                continue
            mentioned = {id for id in _ID.findall(json.dumps(row)) if id[:3] not in _NOT_RECORDS}
            if missing := mentioned - held - (audited if table in ("orders", "ledger") else set()):
                yield f"{table} {row['pk']} mentions {sorted(missing)}, which is nowhere"


def _inboxes() -> Iterator[str]:
    """What an inbox counts as unread is what nobody has read in it."""
    held = [row for row in rows("notifications") if "#INBOX#" in row["pk"]]
    for inbox in (row for row in held if row["sk"] == "-"):
        shown = [row for row in held if row["pk"] == inbox["pk"] and row["sk"] > max("ntf_", inbox["read_to"])]
        unread = sum("read_at" not in row for row in shown)
        if sum(json.loads(inbox["unread"]).values()) != unread:
            yield f"{inbox['pk']} counts {inbox['unread']}, unread are {unread}"


def _unbalanced() -> Iterator[str]:
    entries: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _postings():
        entries[row["entry"]].append(row)
    for entry, postings in entries.items():
        if total := sum(int(posting["amount"]) for posting in postings):
            yield f"{entry} sums to {total}"


def _money(world: World) -> Iterator[str]:
    """An order is paid if and only if its money is captured, booked, and at the gateway."""
    payments = {row["id"]: row for row in rows("payments") if {"id", "order", "state"} <= row.keys()}
    booked = {row["entry"] for row in _postings()}
    for order in rows("orders"):
        if "status" not in order:
            continue
        paid = order["status"] in {"paid", "paid_late", "completed", "refunded"}
        captured = [id for id, row in payments.items() if row["order"] == order["id"] and row["state"] == "captured"]
        parts = [each["payment"] for each in json.loads(order.get("instalments", "[]"))]
        in_parts = order["status"] == "awaiting_payment" or order.get("payment") in parts
        if sorted(captured) != sorted(parts if in_parts else [order.get("payment")] if paid else []):
            yield f"order {order['id']} is {order['status']}, captured are {captured}"
        if any(f"capture#{payment}" not in booked for payment in captured):
            yield f"order {order['id']}: {captured} is not in the ledger"
    for charge in world.bank.charges.values():
        payment = payments[charge.reference]
        settled = (
            payment["state"] in {"captured", "review", "returned"} and payment["transaction"] == charge.transaction_id
        )
        if (charge.state == "captured") != settled:
            yield f"{charge.transaction_id} is {charge.state} at the gateway, {payment['state']} here"
    for payment in payments.values():
        charged = world.bank.charges.get(payment.get("transaction", ""))
        if payment.keys() >= {"transfer_to", "transaction"}:
            continue  # no gateway knows of it
        if "transaction" in payment and (charged is None or charged.reference != payment["id"]):
            yield f"{payment['id']} names a charge that is not its own"


def _refunded(world: World) -> Iterator[str]:
    """Never more goes back than came; what is set aside is on its way; the gateway gave each refund once."""
    refunds = [row for row in rows("payments") if "tail" in row]
    for payment in (row for row in rows("payments") if "refundable" in row):
        gone = [row for row in refunds if row["payment"] == payment["id"] and row["state"] in {"submitted", "settled"}]
        left, received = int(payment["refundable"]), int(payment.get("received", 0))
        if left < 0 or left + sum(map(_amount, gone)) != received:
            yield f"{payment['id']} received {received}, {left} is left and {sum(map(_amount, gone))} went back"
    settled = {row["id"]: _amount(row) for row in refunds if row["state"] == "settled"}
    for id, amount in settled.items():
        if amount != -sum(int(row["amount"]) for row in _postings() if _pays_out(row, id)):
            yield f"{id} is settled, and not booked as such"
    sent = {row["id"]: _amount(row) for row in refunds if row.get("way") == "gateway" and row["state"] == "settled"}
    if sent != {key: amount for key, (_, amount) in world.bank.returned.items()}:
        yield f"settled by the gateway are {sent}, it gave back {world.bank.returned}"


def _amount(refund: Mapping[str, Any]) -> int:
    parts = sum(part["amount"] for part in json.loads(refund["parts"]))
    return parts + int(refund["tail"]) + int(refund["excess"]) + int(refund.get("deposit", 0))


def _pays_out(posting: Mapping[str, Any], refund: str) -> bool:
    return posting["entry"] == f"refund#{refund}" and posting["account"].startswith(
        ("gateway:", "bank", "credits:", "disputes")
    )


def _disputed() -> Iterator[str]:
    """What a bank took is undecided or decided, and whoever earned by it has it again once it is."""
    undecided = sum(int(row["withdrawn"]) for row in rows("payments") if row.get("state") == "open" and "held" in row)
    sums: Counter[str] = Counter()
    for row in _postings():
        sums[row["account"]] += int(row["amount"])
    if sums["disputes"] != undecided or bool(sums["disputed-shares"]) != bool(undecided):
        yield f"{undecided} is undecided, booked are {sums['disputes']} and {sums['disputed-shares']} of shares"


def _deposited() -> Iterator[str]:
    """The books hold what was neither given back nor kept."""
    there = sum(
        int(row["amount"]) - int(row["released"]) - int(row["forfeited"])
        for row in rows("payments")
        if "forfeited" in row
    )
    booked = sum(int(row["amount"]) for row in _postings() if row["account"] == "deposits")
    if there + booked:
        yield f"{there} of deposits is held, booked are {-booked}"


def _shared() -> Iterator[str]:
    """Of an order that is handed over everybody has their part of what was not given back, to the last satang.

    What of it is tax is owed as such.
    """
    for order in rows("orders"):
        if order.get("status") not in {"completed", "refunded"}:
            continue
        taxes = f"tax:{order['organization']}"
        shares = Counter({"sales": 0, "revenue-shares": 0, taxes: 0})
        for row in _postings():
            if row.get("order") == order["id"] and row["account"] in shares:
                shares[row["account"]] += int(row["amount"])
        lines = [line for line in json.loads(order["lines"]) if line["shares"]]  # prepaid is nobody's yet
        total = sum(line["amount"] - line["refunded"] for line in lines)
        tax = sum(line["tax"]["amount"] for line in lines if line["tax"]) - _tax_back(order["id"])
        if shares != {"sales": tax - total, "revenue-shares": total - tax, taxes: -tax}:
            yield f"order {order['id']} brought {total} with {tax} of tax, booked are {shares}"


def _tax_back(order: str) -> int:
    refunds = (row for row in rows("payments") if "tail" in row and row["order"] == order)
    return sum(part["tax"] for row in refunds for part in json.loads(row["parts"]))


def _documents() -> Iterator[str]:
    """What was paid has a receipt, what went back of that a credit note, once each and with numbers without a gap."""
    due = Counter[tuple[str, str]]()
    for order in (row for row in rows("orders") if "status" in row and int(row["total"])):
        if any(step["status"] == "paid" for step in json.loads(order["history"])):
            refunds = (row for row in rows("payments") if "tail" in row and row["order"] == order["id"])
            given = [row["id"] for row in refunds if row["state"] == "settled" and json.loads(row["parts"])]
            due.update((order["id"], of) for of in ("-", *given))
    issued = [row for row in rows("orders") if "number" in row]
    if due != Counter((row["order"], row.get("refund", "-")) for row in issued):
        yield f"documents of {dict(due)} are due, issued are {[row['sk'] for row in issued]}"
    for series in (row for row in rows("orders") if "#SERIES#" in row["pk"]):
        begins = f"{series['kind'][0].upper()}-{series['year']}-"
        own = [row["number"] for row in issued if row["pk"].startswith(f"T#{series['organization']}#")]
        found = sorted(number for number in own if number.startswith(begins))
        if found != [f"{begins}{count:06d}" for count in range(1, int(series["last"]) + 1)]:
            yield f"{series['pk']} ends with {series['last']}, and there are {found}"


def _wallets() -> Iterator[str]:
    """A wallet holds what the books owe for it."""
    owed: Counter[str] = Counter()
    for row in _postings():
        owed[row["account"]] -= int(row["amount"])
    for row in (row for row in rows("payments") if "grants" in row):
        held = sum(part for hold in json.loads(row["holds"]) for _, part in hold["parts"])
        there = held + sum(grant["left"] for grant in json.loads(row["grants"]))
        booked = owed[f"credits:{row['user']}"]
        if there != booked:
            yield f"{row['user']} has {there} of credit, booked are {booked}"


def _held() -> Iterator[str]:
    """Photos are held for orders that may be paid, or are being handed over, and for no others."""
    may = {
        (order["id"], ref)
        for order in rows("orders")
        if order.get("status") in {"awaiting_payment", "paid"}
        for line in json.loads(order["lines"])
        for ref in (line["refs"] if line["status"] == "held" else ())
    }
    for row in (row for row in rows("photos") if row["sk"].startswith("hold#")):
        of = row["sk"].split("#")[1]
        if held := {(of, ref) for ref in json.loads(row["refs"])} - may:
            yield f"{sorted(held)} are held for nothing"


def _counted_sales() -> Iterator[str]:
    """An event's sales are what was handed over and not given back."""
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows("entitlements"):
        if "#SOLD#" in row["pk"]:
            event = row["pk"].rpartition("#")[2]
            counted.update({(event, name): int(row.get(name, 0)) for name in ("files", "amount")})
    for order in rows("orders"):
        for line in json.loads(order.get("lines", "[]")):
            if line["kind"] == "photos" and line["status"] == "fulfilled":
                counted[line["subject"], "files"] -= len(line["refs"])
                counted[line["subject"], "amount"] -= line["amount"] - line["refunded"]
    for (event, name), wrong in counted.items():
        if wrong:
            yield f"{event}: {wrong} {name} too many are counted as sold"


def _miscounted() -> Iterator[str]:
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows("photos"):
        if "#COUNTS" in row["pk"]:
            event = row["pk"].split("#")[3]
            counted.update({(event, approval): int(row.get(approval, 0)) for approval in Approval})
    recounted = Counter((row["event"], row["approval"]) for row in _photos() if row["processing"] == "ready")
    tallied: Counter[tuple[str, str]] = Counter()
    for row in rows("claims"):
        if "#TALLY#" in row["pk"] and not re.search("#TALLY#(notices|broadcast)-", row["pk"]):
            tallied[row["pk"].rpartition("#")[2], row["sk"].partition("#")[0]] += int(row["n"])
    there = Counter(("photos", _shelf(row)) for row in _photos())
    there.update(("orders", row["status"]) for row in rows("orders") if "lines" in row)
    there[("users", "registered")] = sum("session_version" in row for row in rows("accounts"))
    for kind, state in tallied.keys() | there.keys():
        if tallied[kind, state] != there[kind, state]:
            yield f"{tallied[kind, state]} {kind} {state} counted, {there[kind, state]} there"
    for event, approval in counted.keys() | recounted.keys():
        if counted[event, approval] != recounted[event, approval]:
            yield f"{event}: {counted[event, approval]} {approval} counted, {recounted[event, approval]} there"


def _miscounted_notices() -> Iterator[str]:
    """What is counted once has a mark that makes it happen once."""
    counted: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for row in rows("claims"):
        if _NOTICES.search(row["pk"]):
            counted[row["sk"].partition("#")[0].rpartition("/")[2]] += int(row["n"])
        elif "#CLM#" in row["pk"]:
            marked[row["pk"].split("#")[3]] += 1
    for figure, marks in _MARKS.items():
        there = sum(marked[mark] for mark in marks)
        if counted[figure] != there:
            yield f"{counted[figure]} notices are counted as {figure}, {there} are marked"


def _shelf(photo: Mapping[str, Any]) -> str:
    return str(photo["approval"] if photo["processing"] == "ready" else photo["processing"])


def _promotions() -> Iterator[str]:
    """Each code was counted once for each order that has it and was not given up."""
    counted: Counter[str] = Counter()
    for row in rows("orders"):
        if "#PRM#" in row["pk"] and row["sk"].startswith("TAKEN#"):
            counted[row["pk"].rpartition("#")[2]] += int(row["n"])
        steps = [step["status"] for step in json.loads(row.get("history", "[]"))]
        if row.get("status") == "awaiting_payment" or "paid" in steps:
            counted.subtract(each["promotion"] for each in json.loads(row.get("discounts", "[]")))
    for promotion, left in counted.items():
        if left:
            yield f"{promotion} is counted {left} times too often"


def _grants() -> Iterator[str]:
    """A line that was handed over has exactly its grants, any other none, or withdrawn ones after a refund."""
    held = Counter((row["order"], row["resource"]) for row in rows("entitlements") if "resource" in row)
    withdrawn = {
        (row["order"], row["resource"]) for row in rows("entitlements") if "revoked_at" in row and "resource" in row
    }
    due: Counter[tuple[str, str]] = Counter()
    for order in rows("orders"):
        if "lines" not in order:
            continue
        lines = json.loads(order["lines"])
        fulfilled = [line for line in lines if line["status"] == "fulfilled"]
        revoked = [line for line in lines if line["status"] == "revoked"]
        downloads = [line for line in fulfilled if line["kind"] == "photos"]
        due.update((order["id"], ref) for line in downloads for ref in line["refs"])
        for gone in ((order["id"], ref) for line in revoked for ref in line["refs"]):
            if held.pop(gone, 0) and gone not in withdrawn:
                yield f"{gone} can still be fetched, and its money went back"
        if (order["status"] == "completed") != (len(fulfilled) > 0 and len(fulfilled) + len(revoked) == len(lines)):
            yield f"order {order['id']} is {order['status']} with {len(fulfilled)} of {len(lines)} lines handed over"
    if held != due:
        yield f"grants without a line: {held - due}, lines without a grant: {due - held}"


def _incomplete_photos() -> Iterator[str]:
    """A photo that is ready has all its files, one that failed has a reason."""
    stored = {(bucket, key) for bucket, key, _ in _objects()}
    for row in _photos():
        if row["processing"] == "failed" and "failure" not in row:
            yield f"{row['id']} failed without a reason"
        if row["processing"] != "ready":
            continue
        folder = f"{row['organization']}/{row['event']}/{row['id']}/{row['attempt']}"
        wanted = {("originals", f"deliveries/{folder}")}
        if row["photographer"] != ERASED:
            wanted.add(("originals", f"uploads/{folder}"))
        names = [made["name"] for made in json.loads(row["renditions"])]
        wanted |= {("previews", f"previews/{folder}/{name}.jpg") for name in names}
        if not names or wanted - stored:
            yield f"{row['id']} is ready without {sorted(wanted - stored)}"


def _postings() -> list[dict[str, Any]]:
    return [row for row in rows("ledger") if "entry" in row]


def _photos() -> list[dict[str, Any]]:
    return [row for row in rows("photos") if "processing" in row]
