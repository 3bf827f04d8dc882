"""A queue with everything in it: repeated and shuffled messages, and some that nobody can ever handle."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from chalicelib.core import ids
from chalicelib.payments import jobs
from infra.local.gateway import LambdaContext
from tests import deliver
from tests.figures import Show
from tests.stack import ACCOUNT, ENVIRONMENT, REGION, client, template
from tests.system.webhooks.conftest import till
from tests.system.webhooks.till import NEVER, ONCE, Till, effects

__all__ = ["till"]

SEED = 20_261_123
URL = ENVIRONMENT["PIX_PAYMENTS_QUEUE"]
BATCH = 10


@pytest.fixture
def dead_letters() -> Iterator[str]:
    """The URL of the queue's dead letters; it moves there what was received as often as the template says."""
    sqs = client("sqs")
    letters = sqs.create_queue(QueueName="thepixstock-test-payments-dlq")["QueueUrl"]
    policy = template()["Resources"]["PaymentsQueue"]["Properties"]["RedrivePolicy"]
    policy = {**policy, "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:thepixstock-test-payments-dlq"}
    sqs.set_queue_attributes(QueueUrl=URL, Attributes={"RedrivePolicy": json.dumps(policy)})
    yield letters
    sqs.delete_queue(QueueUrl=letters)


def put(url: str, bodies: list[str]) -> None:
    for start in range(0, len(bodies), BATCH):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + BATCH])]
        client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def taken(url: str) -> Iterator[list[dict[str, Any]]]:
    """What is in a queue, in the batches that it gives."""
    while batch := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH).get("Messages"):
        yield batch


def work_off(url: str) -> Counter[str]:
    """Let the function have every batch until nothing comes any more; how often it saw each message."""
    seen: Counter[str] = Counter()
    for batch in taken(url):
        records = [
            {"messageId": message["MessageId"], "body": message["Body"], "eventSourceARN": "arn:aws:sqs:x:y:payments"}
            for message in batch
        ]
        seen.update(message["MessageId"] for message in batch)
        told = app.handler_map["on_payment"]({"Records": records}, LambdaContext("on_payment"))
        failed = {item["itemIdentifier"] for item in told["batchItemFailures"]}
        for message in batch:
            if message["MessageId"] not in failed:
                client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return seen


def message(till: Till, payment: str, transaction: str | None) -> str:
    body = {"organization": till.organization, "payment": payment, "transaction": transaction}
    return json.dumps({"handler": "payments.settle", "fact": "GatewayNotified", "correlation": "-", "body": body})


def poison(till: Till, number: int) -> str:
    """A message that fails for good: no JSON, no shape, nobody's, or about nothing there is."""
    kinds = (
        f"{{{number}",
        json.dumps([number]),
        json.dumps({"handler": "payments.gone", "number": number, "body": {}}),
        json.dumps({"handler": "payments.settle", "fact": "GatewayNotified", "body": {"payment": number}}),
        message(till, ids.new("pay"), "T0001"),
    )
    return kinds[number % len(kinds)]


def test_each_message_has_one_effect_and_the_poison_is_set_apart(
    till: Till, figure: Show, full: bool, dead_letters: str, monkeypatch: pytest.MonkeyPatch
):
    rng = random.Random(SEED)
    total = 1000 if full else 24
    bad = [poison(till, number) for number in range(max(5, total // 40))]
    opened = till.payments(total - len(bad))
    cursed = {payment.id for payment in opened[: max(5, total // 40)]}
    for payment in opened:
        till.pay(payment)
    good = [message(till, payment.id, payment.transaction) for payment in opened]
    every = [*good, *bad, *rng.sample(good, round(total * 0.3))]
    rng.shuffle(every)
    settle = jobs.service.settle

    def with_a_bug(organization: str, payment: str, transaction: str | None = None) -> Any:
        if payment in cursed:
            raise ZeroDivisionError
        return settle(organization, payment, transaction)

    put(URL, every)
    with monkeypatch.context() as patch:
        patch.setattr(jobs.service, "settle", with_a_bug)
        seen = work_off(URL)
    deliver.all()

    found = effects(opened)
    letters = [letter for batch in taken(dead_letters) for letter in batch]
    hopeless = {body for body in every if body in bad or json.loads(body)["body"]["payment"] in cursed}
    set_apart = {letter["Body"] for letter in letters}
    once = sum(effect == ONCE for effect in found)
    text = (
        f"{len(every):,} messages, {len(every) - total:,} of them repeated, {len(hopeless)} poison: {once:,} effects, "
        f"{len(set_apart & hopeless)} set apart after {max(seen.values())} tries, {len(set_apart - hopeless)} wrongly"
    )
    figure("queues", "one effect each; the dead letters are exactly the poison", text)
    assert set_apart == hopeless
    assert found == [NEVER] * len(cursed) + [ONCE] * (len(opened) - len(cursed))

    for letter in letters:
        client("sqs").delete_message(QueueUrl=dead_letters, ReceiptHandle=letter["ReceiptHandle"])
    put(URL, [letter["Body"] for letter in letters])
    work_off(URL)
    deliver.all()

    still = {letter["Body"] for batch in taken(dead_letters) for letter in batch}
    healed = [effect == ONCE for effect in effects(opened[: len(cursed)])]
    text = f"{len(letters)} redriven after the bug was mended: {sum(healed)} of {len(cursed)} done, {len(still)} back"
    figure("queues", "redriving finishes what a bug had stopped", text)
    assert all(healed)
    assert still == set(bad)
