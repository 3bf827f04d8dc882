"""Whether orders are paid, handed over, counted and documented as they say."""

from collections import Counter, defaultdict
from typing import Any

from chalicelib.invoices.model import NUMBERS
from infra.audit.books import PAID, Books, Findings, told


def orders(books: Books) -> Findings:
    """An order is paid exactly when captured payments that come to its total say so; before that they come to less."""
    captured: dict[str, list[Any]] = defaultdict(list)
    for payment in books.of("PaymentRecord"):
        if payment.state == "captured":
            captured[payment.order].append(payment)
    for order in books.of("OrderRecord"):
        payments = captured.pop(order.id, [])
        noted = [each.payment for each in order.instalments]
        in_parts = order.payment in noted or order.status == "awaiting_payment"
        wanted = noted if in_parts else [order.payment] if order.status in PAID else []
        wrong = []
        if sorted(payment.id for payment in payments) != sorted(wanted):
            wrong.append(f"is {order.status}, captured are {[payment.id for payment in payments]}")
        paid = sum(int(each.amount) for each in payments)
        if (paid == order.total) != (order.status in PAID) and (payments or order.status in PAID):
            wrong.append(f"is {order.status} and costs {order.total}, paid are {paid}")
        yield order.id, told(wrong)
    for id in captured:
        yield id, "has a captured payment and does not exist"


def grants(books: Books) -> Findings:
    """What was handed over of an order is granted, once, and nothing else is."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    withdrawn: set[tuple[str, str]] = set()
    for grant in books.of("GrantRecord"):
        held[grant.order][grant.resource] += 1
        if grant.revoked_at is not None:
            withdrawn.add((grant.order, grant.resource))
    for order in books.of("OrderRecord"):
        over = [line for line in order.lines if line.status == "fulfilled"]
        back = [line for line in order.lines if line.status == "revoked"]
        due = Counter(ref for line in over for ref in line.refs if line.kind == "photos")
        granted = held.pop(order.id, Counter())
        for ref in (ref for line in back for ref in line.refs if (order.id, ref) in withdrawn):
            del granted[ref]
        wrong = [f"{sorted(due - granted)} not granted"] if due - granted else []
        wrong += [f"{sorted(granted - due)} granted for nothing"] if granted - due else []
        if (order.status == "completed") != (len(over) > 0 and len(over) + len(back) == len(order.lines)):
            wrong.append(f"is {order.status} with {len(over)} of {len(order.lines)} lines handed over")
        yield order.id, told(wrong)
    for id in held:
        yield id, "has grants and does not exist"


def sales(books: Books) -> Findings:
    """What is counted as sold of each event is what was granted of it and not given back."""
    counted: Counter[tuple[str, str]] = Counter()
    unpriced: set[str] = set()
    for row in books.of("SalesRecord"):
        counted.update({(row.pk, "files"): int(row.files or 0), (row.pk, "satang"): int(row.amount or 0)})
    for grant in books.of("GrantRecord"):
        if grant.subject is not None and grant.returned_at is None:
            pk = f"T#{grant.organization}#SOLD#{grant.subject}"
            counted.subtract({(pk, "files"): 1, (pk, "satang"): int(grant.price or 0)})
            unpriced |= {pk} if grant.price is None else set()  # by an earlier release
    for (pk, what), left in counted.items():
        if what == "files" or pk not in unpriced:
            yield f"{pk} {what}", f"{left} too many are counted" if left else None


def stock(books: Books) -> Findings:
    """What is free of each type of ticket and what is held come to its capacity, and no order holds another number."""
    counted: Counter[str] = Counter()
    held: dict[tuple[str, str], int] = {}
    for block in books.of("UnitsRecord"):
        counted[block.sk.rpartition("#")[0]] += int(block.free)
    for allocation in books.of("AllocationRecord"):
        counted[allocation.pool] += int(allocation.units)
        held[allocation.holder, allocation.pool] = int(allocation.units)
    for type in books.of("TicketTypeRecord"):
        left = counted.pop(type.id, 0)
        yield type.id, None if left == type.capacity else f"has {type.capacity} units, free and held are {left}"
    for pool in counted:
        yield pool, "has units and is nobody's"
    for order in books.of("OrderRecord"):
        stands = order.status in {"awaiting_payment", "paid", "completed", "refunded"}
        for line in order.lines if stands else ():
            if line.kind == "tickets" and line.status != "revoked":
                count = held.pop((order.id, line.refs[0].rpartition("-")[0]), 0)
                yield f"{order.id} {line.id}", None if count == len(line.refs) else f"holds {count} units"
    for holder, pool in held:
        yield holder, f"holds units of {pool} for nothing"


def tickets(books: Books) -> Findings:
    """There is a valid ticket for each that was handed over and not given back, and no other."""
    valid = {(ticket.order, ticket.ref) for ticket in books.of("TicketRecord") if ticket.state == "valid"}
    for order in books.of("OrderRecord"):
        over = [line for line in order.lines if line.kind == "tickets" and line.status == "fulfilled"]
        due = {(order.id, ref) for line in over for ref in line.refs}
        missing = due - valid
        valid -= due
        if due:
            yield order.id, f"{sorted(ref for _, ref in missing)} not issued" if missing else None
    for id, ref in valid:
        yield id, f"{ref} admits somebody for nothing"


def promotions(books: Books) -> Findings:
    """Each code was counted as often as orders have it that were not given up, and took off what these say."""
    counted: Counter[str] = Counter()
    for row in books.of("TakenRecord"):
        counted[row.pk] += int(row.n or 0)
    redeemed = {(row.pk, row.order): int(row.amount) for row in books.of("RedemptionRecord")}
    for order in books.of("OrderRecord"):
        off = sum(line.discount for line in order.lines)
        said = sum(each.amount for each in order.discounts)
        wrong = [f"codes took off {said}, the lines {off}"] if said != off else []
        stands = order.status == "awaiting_payment" or any(step.status == "paid" for step in order.history)
        for each in order.discounts if stands else ():
            pk = f"T#{order.organization}#PRM#{each.promotion}"
            counted[pk] -= 1
            if redeemed.pop((pk, order.id), None) != each.amount:
                wrong.append(f"{each.code} does not know of it")
        yield order.id, told(wrong)
    for pk, order_id in redeemed:
        yield order_id, f"gave up what is still counted of {pk}"
    for pk, left in counted.items():
        yield pk, f"is counted {left} times too often" if left else None


def invoices(books: Books) -> Findings:
    """The numbers of receipts and credit notes have no gap, and each is that of one document."""
    issued = Counter(f"{row.organization} {row.number}" for row in books.of("InvoiceRecord"))
    for series in books.of("SeriesRecord"):
        for count in range(1, int(series.last) + 1):
            number = f"{series.organization} {NUMBERS[series.kind].format(year=int(series.year), count=count)}"
            found = issued.pop(number, 0)
            yield number, None if found == 1 else f"is on {found} documents"
    for number in issued:
        yield number, "is on a document and was never given"
