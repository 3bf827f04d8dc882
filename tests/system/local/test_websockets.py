"""Hundreds of open websockets while an order is paid, among them some that break off."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from infra.local.client import Person
from infra.local.heard import Frame, Heard
from tests.system.local import shop
from tests.system.local.running import Running

pytestmark = pytest.mark.system

OF_EACH = 25
"""A person may open thirty websockets a minute: so many of each of two people at once."""

OWN_PAGE = "http://localhost:3000"
RENEWED_AFTER = 8
"""Minutes after which those who look on say that they are there: after ten they would be taken for gone."""

PATIENCE = 120.0  # seconds: ends a broken test; nothing is measured with it


@dataclass
class Client:
    """A browser: what it was told, and how often something came that it knew."""

    person: Person
    heard: Heard = field(default_factory=lambda: Heard({}))
    is_renewed: bool = False
    socket: ClientConnection | None = None
    reading: "asyncio.Task[None] | None" = None

    async def open(self) -> None:
        """A first connection, or another one that goes on where the last one broke off."""
        ticket = await asyncio.to_thread(self.person.post, "/live/tickets")
        known = {position["group"]: position["cursor"] for position in ticket["groups"]}
        self.heard.positions = known | self.heard.positions
        self.socket = await connect(
            f"{ticket['url']}?ticket={ticket['ticket']}", ping_interval=None, open_timeout=PATIENCE
        )
        self.reading = asyncio.create_task(self._read(self.socket))

    async def say(self, *said: Frame) -> None:
        assert self.socket is not None
        for frame in said:
            await self.socket.send(json.dumps(frame))

    async def break_off(self) -> None:
        """As a phone does in a tunnel: without a word."""
        assert self.socket is not None
        self.socket.transport.abort()
        await self.socket.wait_closed()

    async def close(self) -> None:
        assert self.socket is not None
        await self.socket.close()

    def statuses(self, type: str) -> list[str]:
        return [fact["data"]["status"] for fact in self.heard.facts if fact["type"] == type]

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                assert frame["type"] != "Error", frame
                self.is_renewed |= frame["type"] == "Pong"
                following = self.heard.take(frame)
                if following is not None:
                    await self.say(following)
        except ConnectionClosed:
            return


def ordered(customer: Person, photo: str) -> str:
    """The id of an order of the customer's that waits for its money."""
    customer.post("/cart/items", {"items": [{"ref": photo}]})
    key = {"Idempotency-Key": f"key-{secrets.token_hex(8)}"}
    order = customer.post("/orders", {"email": "watching@example.com", "language": "en"}, expect=201, **key)
    return str(order["id"])


def log_in_again(running: Running, people: Sequence[Person]) -> None:
    """Their access tokens end after a quarter of an hour."""
    for person in people:
        person.headers = running.person(person.name).headers


def batched(clients: Sequence[Client], count: int) -> list[Sequence[Client]]:
    return [clients[start : start + count] for start in range(0, len(clients), count)]


async def all_of(clients: Sequence[Client], is_there: Any, what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while missing := [client for client in clients if not is_there(client)]:
            broken = [client.reading.exception() for client in missing if client.reading and client.reading.done()]
            assert not any(broken), f"{what}: {broken[0]}"
            await asyncio.sleep(0.05)


def saw_it_through(client: Client) -> bool:
    return "completed" in client.statuses("OrderUpdate") and "captured" in client.statuses("PaymentUpdate")


def test_everybody_who_looks_on_sees_the_order_paid_and_misses_nothing(running: Running, photos, figure, full):
    rounds = 20 if full else 2
    people = [running.person("customer"), running.person("admin")]
    order = ordered(people[0], photos[0])
    group = f"order:{order}"

    async def story() -> list[Client]:
        clients: list[Client] = []
        for number in range(rounds):
            with running.later(timedelta(minutes=1 + number)):
                if number % RENEWED_AFTER == RENEWED_AFTER - 1:
                    log_in_again(running, people)
                    for client in clients:
                        client.is_renewed = False
                        await client.say({"action": "ping"})
                    await all_of(clients, lambda client: client.is_renewed, "renewed")
                fresh = [Client(person) for person in people for _ in range(OF_EACH)]
                for client in fresh:
                    await client.open()
                    await client.say({"action": "subscribe", "group": group})
                await all_of(fresh, lambda client: group in client.heard.positions, "subscribed")
                clients += fresh
        lost = clients[::5]
        for client in lost:
            await client.break_off()

        with running.later(timedelta(minutes=1 + rounds)):  # the clock never goes back for those who look on
            log_in_again(running, people)
            payment = await asyncio.to_thread(people[0].post, "/payments/create", {"orderId": order})
            await asyncio.to_thread(shop.scan, running, payment)
            await all_of([client for client in clients if client not in lost], saw_it_through, "told")
        for number, back in enumerate(batched(lost, OF_EACH)):
            with running.later(timedelta(minutes=2 + rounds + number)):
                for client in back:
                    await client.open()
                    await client.say(*client.heard.resume())
                await all_of(back, saw_it_through, "told after a break")
        for client in clients:
            await client.close()
        return clients

    clients = asyncio.run(story())

    seen = [[fact["id"] for fact in client.heard.facts if fact["group"] == group] for client in clients]
    all_facts = set().union(*seen)
    missed = sum(len(all_facts.difference(ids)) for ids in seen)
    twice = sum(len(ids) - len(set(ids)) for ids in seen)
    assert (len(all_facts), missed, twice) == (3, 0, 0)
    assert [ids for ids in seen if ids != seen[0]] == []
    assert not any(client.heard.incomplete for client in clients)
    running.soon(
        lambda: not [item for item in running.items("connections") if "lease_until" in item] or None, "silence"
    )
    figure(
        "websockets",
        "an order is paid and everybody who looks on is told",
        "{clients} clients, {lost} of them broken off and back: {missed} facts missed, {twice} shown twice",
        clients=len(clients),
        lost=len(clients[::5]),
        missed=missed,
        twice=twice,
    )


def test_a_ticket_opens_one_websocket_from_pages_of_our_own(running: Running, figure):
    customer = running.person("customer")

    async def refused(url: str, origin: str | None = None) -> int:
        try:
            async with connect(url, origin=Origin(origin) if origin else None):
                return 0
        except InvalidStatus as refusal:
            return refusal.response.status_code

    async def address() -> str:
        ticket = await asyncio.to_thread(customer.post, "/live/tickets")
        return f"{ticket['url']}?ticket={ticket['ticket']}"

    async def story() -> list[int]:
        used = await address()
        async with connect(used, origin=Origin(OWN_PAGE)):
            replayed = await refused(used, origin=OWN_PAGE)
        plain = used.partition("?")[0]
        foreign = [await refused(await address(), origin=f"https://{name}.example") for name in ("evil", "localhost")]
        return [replayed, await refused(used), *foreign, await refused(plain), await refused(f"{plain}?ticket=x")]

    with running.later(timedelta(minutes=20)):
        customer = running.person("customer")
        answers = asyncio.run(story())

    assert answers == [403] * 6
    figure("websockets", "a ticket is good once, and for our own pages", f"{len(answers)} misuses: 0 let in")
