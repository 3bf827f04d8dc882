"""What a function may do is what it does: its policy against the calls that are made while it runs.

The other suites that run functions are traced, too (`permitted` in conftest.py): nothing that they make a function do
may be missing from its policy. Here every function is driven through everything, so that nothing may be left over.
"""

import pytest

from tests.figures import Show
from tests.system.crash import lab as laboratory
from tests.system.policies import flows, rights
from tests.system.policies.rights import FUNCTIONS
from tests.system.policies.trace import Trace, traced
from tests.system.world import World

pytestmark = pytest.mark.proof

DRIVEN_UNLIKE = {
    ("chalicelib.core.signing", "keep"): "what somebody asks a receipt of was granted before, and the key kept with it",
    (
        "chalicelib.announcements.service.following",
        "change",
    ): "the API has read the secret by then",
    ("chalicelib.entitlements.service.history", "append"): "a payment is told once, what people do whenever they do it",
    ("chalicelib.core.queues", "_run"): "only the queues of uploads and mails hold messages that AWS wrote",
    ("chalicelib.core.storage", "upload"): "photos are uploaded from disk, a watermark from memory",
    ("chalicelib.events.service", "_change_at"): "what a person changed goes into the audit log",
    ("chalicelib.events.service", "_knowable"): "a websocket brings no token of an event that would have to be checked",
    ("chalicelib.events.service", "get"): "slugs come with requests; messages name events by their id",
    ("chalicelib.lines.photos.store.photos", "on_sale"): "only visitors choose by a number or a photographer",
    ("chalicelib.payments.service.settling", "settle"): "the API has read the secret before, to know who asks",
    ("chalicelib.payments.booking", "book"): "what two people say is audited in the same transaction",
    (
        "chalicelib.payments.disputes.service",
        "_follow",
    ): "only a message drives to what is lost in part; its steps are those of one that is won, and of one that opens",
    ("chalicelib.payments.credit", "settle"): "only the sweep finds that what is held came too late",
    (
        "chalicelib.payments.refunds.service.sending",
        "settle",
    ): "people confirm transfers alone; credit goes back by a message or the sweep",
    (
        "chalicelib.lines.prints.service.printing",
        "_settle",
    ): "the sweep meets what a message began; the parcel that this writes it writes a moment later, too",
    ("chalicelib.wallet.service", "_move"): "what staff gives is claimed by its key, and goes into the audit log",
}
"""Code that not every function leaves through the same calls, and why it can not."""


@pytest.fixture(scope="module")
def told(secret: str) -> Trace:
    trace = Trace()
    with laboratory.opened(secret) as lab, traced(trace, cold=True):
        flows.tell(lab)
    return trace


@pytest.fixture(scope="module")
def trace(told: Trace, world: World) -> Trace:
    """Everything that every function does, once at least."""
    with traced(told, cold=True):
        assert flows.ask(world) == []
    assert told.driven_unlike() == DRIVEN_UNLIKE.keys()
    return told


def test_every_function_may_do_what_it_does_and_nothing_else(trace: Trace, figure: Show):
    wrong: dict[str, list[str]] = {}
    count = 0
    print(f"\n{'function':16}{'statements':>11}{'actions':>9}{'resources':>11}{'missing':>9}{'unused':>8}")
    for function in FUNCTIONS:
        policy = rights.document(function)
        held = rights.given(policy)
        found = rights.differences(policy, trace.rights[function] | rights.used_by_lambda(function))
        if found:
            wrong[function] = found
        sizes = len(policy["Statement"]), len({each.action for each in held}), len({each.resource for each in held})
        count += len(held)
        missing, unused = (sum(each.startswith(kind) for each in found) for kind in ("missing", "unused"))
        print(f"{function:16}{sizes[0]:>11}{sizes[1]:>9}{sizes[2]:>11}{missing:>9}{unused:>8}")

    assert wrong == {}
    figure(
        "IAM",
        "a function may do what it does and nothing else",
        "{functions} functions, {rights} rights: 0 missing, 0 unused, 0 wildcard actions",
        functions=len(FUNCTIONS),
        rights=count,
    )
