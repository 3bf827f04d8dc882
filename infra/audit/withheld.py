"""What is with us and not ours yet, or with somebody else and still ours: disputes and deposits."""

from collections import Counter

from infra.audit.books import Books, Findings, told


def disputes(books: Books) -> Findings:
    """What a bank took is in `disputes` until it is decided, then with us or gone; shares are held back as long."""
    booked: Counter[tuple[str, str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        kind, of, *_ = posting.entry.split("#")
        booked[kind, of, posting.account] += int(posting.amount)
    for dispute in books.of("DisputeRecord"):
        is_lost, is_over = dispute.state == "lost", dispute.state in ("won", "lost", "closed")
        ends = booked["dispute-lost", dispute.id, "disputes"] + booked["refund", dispute.refund, "disputes"]
        there = booked["dispute", dispute.id, "disputes"] + ends
        gone = there - ends + booked["dispute", dispute.id, "dispute-losses"]
        fee = booked["dispute", dispute.id, "gateway-fees"]
        held = booked["dispute-hold", dispute.id, "disputed-shares"]
        freed = booked["dispute-free", dispute.id, "disputed-shares"]
        at_stake = sum(things.gross for each in dispute.held for things in each.things)
        wrong = [f"took {dispute.withdrawn}, booked is {gone}"] if gone != int(dispute.withdrawn) else []
        wrong += [f"is {dispute.state} with {there} undecided"] if there != (0 if is_lost else gone) else []
        wrong += [f"cost {dispute.fee}, booked is {fee}"] if fee != int(dispute.fee) else []
        if (held, freed) != (-at_stake, at_stake if is_over else 0):
            wrong.append(f"{at_stake} of shares are at stake, {-held} were held back and {freed} freed")
        yield dispute.id, told(wrong)


def deposits(books: Books) -> Findings:
    """What came as a deposit is held, went back or was kept, to the last satang, and the ledger holds the same."""
    booked: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for posting in books.of("PostingRecord"):
        if posting.account == "deposits":
            booked[posting.order] -= int(posting.amount)
            kind, of, *_ = posting.entry.split("#")
            kept[of] += int(posting.amount) * (kind == "forfeit")
    for refund in books.of("RefundRecord"):
        back[str(refund.deposit_of), str(refund.state)] += int(refund.deposit or 0)
    held = {(deposit.order, deposit.line): deposit for deposit in books.of("DepositRecord")}
    for (order_id, _), deposit in held.items():
        went = {"releasing": back[deposit.id, "submitted"], "released": back[deposit.id, "settled"]}
        went["forfeited"] = kept[deposit.id]
        wrong = [f"has {getattr(deposit, name)} {name}, booked are {due}" for name, due in went.items()
                 if int(getattr(deposit, name)) != due]  # fmt: skip
        outstanding = int(deposit.amount) - sum(went.values())
        wrong += [f"{outstanding} of it is outstanding"] if outstanding < 0 else []
        booked[order_id] -= outstanding + went["releasing"]
        yield deposit.id, told(wrong)
    for order in books.of("OrderRecord"):
        paid = [line for line in order.lines if line.deposit and order.payment]
        wrong = [f"{line.id} has no deposit" for line in paid if (order.id, line.id) not in held]
        wrong += [f"the ledger holds {booked[order.id]} too much of its deposits"] if booked[order.id] else []
        if paid or wrong:
            yield order.id, told(wrong)
