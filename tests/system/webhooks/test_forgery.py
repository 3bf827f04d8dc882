"""Webhooks that are not the gateway's, sent to the whole application: each is refused, and nothing comes of it."""

import json
import random
from collections import Counter

from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.model import State
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.forgeries import FORGERIES, Captured
from tests.system.webhooks.till import Till, signed
from tests.system.world import watched

SEED = 20_261_120


def captured(till: Till) -> Captured:
    """A webhook that somebody listened to before it was delivered, and one of an earlier payment."""
    real, other = (
        f'{{"trans_id":"{payment.transaction}","ref1":"{payment.id}","amount":100.24,'
        f'"note":"\\u0e02\\"}}{{","list":[1,{{"a":null}}]}}'
        for payment in till.payments(2)
    )
    foreign_key = gateways.account_of(till.world.b.organization, "paynoi").api_key
    return Captured(signed(real, till.key), signed(other, till.key), foreign_key)


def test_no_forged_webhook_is_believed(till: Till, figure: Show, full: bool):
    held, rng = captured(till), random.Random(SEED)
    reference = json.loads(held.data)["ref1"]
    count = 10_000 if full else 520
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            forged = FORGERIES[number % len(FORGERIES)](rng, held)
            assert forged not in (held.real, held.other)
            statuses[till.send(forged).status] += 1

    accepted = sum(sent for status, sent in statuses.items() if status < 400)
    broken = sum(sent for status, sent in statuses.items() if status >= 500)
    text = f"{count:,} in {len(FORGERIES)} ways: {accepted} accepted, {broken} x 5xx, {len(writes)} writes"
    figure("webhooks", "forged: not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert till.send(held.real).status == 200, "what was forged from is good"
    assert [message["body"]["payment"] for message in deliver.waiting()] == [reference]
    deliver.all()
    assert payments.get(till.organization, reference).state is State.PENDING, "the gateway says: not paid"
