"""One fact for ten thousand who listen: told page by page, through a page that dies half-way, to each of them once."""

from collections import Counter
from datetime import timedelta

from chalicelib.core import clock, ids, live
from chalicelib.core.queues import Outcome
from chalicelib.live import service, store
from chalicelib.live.model import Connection
from chalicelib.organizations.service import DEFAULT
from tests import deliver

GROUP = "role:customer"
LISTENERS, FEW = 10_000, 600


def listen(count: int) -> list[str]:
    """Connections of as many customers."""
    now, named = clock.now(), [f"connection-{number:05d}" for number in range(count)]
    with store.ConnectionRecord.batch_write() as connections:
        for name in named:
            held = Connection(
                id=name,
                organization=DEFAULT,
                user=ids.derived("usr", name),
                roles=frozenset({"customer"}),
                permissions=frozenset(),
                session="ses",
                session_version=0,
                groups=frozenset({GROUP}),
                opened_at=now,
                lease_until=now + timedelta(hours=1),
            )
            connections.save(store.ConnectionRecord.of(held, pk=f"G#connection#{name}", sk="-"))
    with store.ListenerRecord.batch_write() as listeners:
        for name in named:
            listeners.save(store.ListenerRecord(f"T#{DEFAULT}#GROUP#{GROUP}", name))
    return named


def test_everybody_of_a_large_group_is_told_once_though_a_page_dies(aws, full, figure, monkeypatch):
    everybody, told, pages = listen(LISTENERS if full else FEW), Counter[str](), []

    def post(connections, frame):
        pages.append(len(connections))
        if len(pages) == 2:
            raise ConnectionResetError("the function dies")
        told.update(connections)
        return frozenset()

    monkeypatch.setattr(live, "push", post)

    assert service.publish(DEFAULT, GROUP, "EventLive", "one", lambda: {"event": "evt_1"}) is Outcome.SUCCESS
    deliver.all(rounds=40)

    missed, twice = len(set(everybody) - told.keys()), sum(count - 1 for count in told.values())
    assert (missed, twice) == (0, 0)
    assert max(pages) <= service.PAGE
    assert len(pages) > 2
    figure(
        "websockets",
        "a fact for a large group is told page by page, through a page that dies",
        "{listeners} listeners, {pages} pages: {missed} missed, {twice} told twice",
        listeners=len(everybody),
        pages=len(pages),
        missed=missed,
        twice=twice,
    )
