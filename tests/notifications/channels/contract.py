"""What holds for every carrier of a channel, asked of its adapter against its sandbox over the real wire.

A carrier joins by subclassing its channel's contract with a fixture `bench`: the adapter, and hands on the sandbox to
break it and to look at what it took. A stage's carriers are exchangeable because they pass the same suite.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.email import Letter, MailService
from chalicelib.notifications.channels.push import Push, PushService
from chalicelib.notifications.channels.sms import TextService
from chalicelib.notifications.mail import Mail

PHONE = "+66812345678"
TEXT = "รหัสของคุณคือ 483920 – 10 นาที"
READER = "reader@mail.example"
LINK = "https://shop.example/notices?token=a.b.c"
LETTER = Letter(
    Mail("รูปของคุณพร้อมแล้ว", "สวัสดี\n", "<p>สวัสดี</p>"),
    to=READER,
    sender="รูปวิ่ง Smile, Co.",
    organization="org_1",
    id="0d4a",
    notice="event_live",
    unsubscribe=LINK,
)
TOLD = Push("ntf_1", "refunded", "เงินคืน", "฿59.00", "https://shop.example/orders/ord_1")


class Bench(Protocol):
    def trouble(self, kind: str) -> None:
        """The next call goes wrong, once: `timeout`, `lost`, `quota` and the others that a suite lists."""

    def calls(self) -> int:
        """How often the carrier was asked to take something."""


class TextBench(Bench, Protocol):
    service: TextService
    unknown: str
    """A number that the carrier never takes."""

    def taken(self) -> Sequence[tuple[str, str]]:
        """To whom and what, oldest first."""


class TextContract:
    """`passing` are troubles after which the next try succeeds; `lost` is one of a carrier that took the text."""

    passing: ClassVar[tuple[str, ...]] = ("timeout", "error", "unavailable", "quota", "refused", "garbage", "redirect")
    later: ClassVar[tuple[type[Exception], ...]] = (Unavailable,)
    """What says that the carrier does not take it now."""

    def test_a_text_reaches_its_number_as_it_was_written(self, bench: TextBench) -> None:
        id = bench.service.send(TEXT, to=PHONE)

        assert id
        assert bench.taken() == [(PHONE, TEXT)]

    def test_two_texts_are_two(self, bench: TextBench) -> None:
        assert bench.service.send("one", to=PHONE) != bench.service.send("two", to=PHONE)

        assert [text for _, text in bench.taken()] == ["one", "two"]

    def test_a_number_that_is_never_taken_is_undeliverable(self, bench: TextBench) -> None:
        with pytest.raises(Undeliverable):
            bench.service.send(TEXT, to=bench.unknown)

        assert bench.taken() == []

    def test_what_passes_is_tried_again_and_sent_once(self, bench: TextBench) -> None:
        for kind in self.passing:
            bench.trouble(kind)
            with pytest.raises(self.later) as refusal:
                bench.service.send(kind, to=PHONE)
            assert PHONE not in str(refusal.value)
            assert not isinstance(refusal.value, Undeliverable)
            bench.service.send(kind, to=PHONE)

        assert [text for _, text in bench.taken()] == list(self.passing)

    def test_a_call_is_one_try(self, bench: TextBench) -> None:
        bench.trouble("error")
        with pytest.raises(self.later):
            bench.service.send(TEXT, to=PHONE)

        assert bench.calls() == 1

    def test_a_lost_answer_costs_a_second_text_for_there_is_no_key(self, bench: TextBench) -> None:
        bench.trouble("lost")
        with pytest.raises(self.later):
            bench.service.send(TEXT, to=PHONE)
        bench.service.send(TEXT, to=PHONE)

        assert bench.taken() == [(PHONE, TEXT)] * 2


class MailBench(Bench, Protocol):
    service: MailService

    def taken(self) -> Sequence[Letter]:
        """What arrived, oldest first; `id` is what the carrier knows it by."""


class MailContract:
    passing: ClassVar[tuple[str, ...]]
    never: ClassVar[str]
    """What the carrier says of a mail that it never takes."""

    def test_a_mail_arrives_as_it_was_written(self, bench: MailBench) -> None:
        assert bench.service.send(LETTER)

        (mail,) = bench.taken()
        assert (mail.to, mail.sender) == (READER, "รูปวิ่ง Smile, Co.")
        assert mail.mail == LETTER.mail

    def test_it_can_be_ended_with_one_click(self, bench: MailBench) -> None:
        bench.service.send(LETTER)

        (mail,) = bench.taken()
        assert mail.headers == {
            "List-Unsubscribe": f"<{LINK}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def test_what_is_never_taken_is_undeliverable(self, bench: MailBench) -> None:
        bench.trouble(self.never)
        with pytest.raises(Undeliverable):
            bench.service.send(LETTER)

        assert bench.taken() == []

    def test_what_passes_is_tried_again_and_sent_once(self, bench: MailBench) -> None:
        for kind in self.passing:
            bench.trouble(kind)
            with pytest.raises(Exception, match=r".") as refusal:
                bench.service.send(LETTER)
            assert not isinstance(refusal.value, Undeliverable)
            assert READER not in str(refusal.value)
            bench.service.send(LETTER)

        assert len(bench.taken()) == len(self.passing)

    def test_a_lost_answer_costs_a_second_mail_for_there_is_no_key(self, bench: MailBench) -> None:
        bench.trouble("lost")
        with pytest.raises(Exception, match=r"."):
            bench.service.send(LETTER)
        bench.service.send(LETTER)

        assert len(bench.taken()) == 2


class PushBench(Bench, Protocol):
    service: PushService
    device: str
    gone: str
    """What a device is known by, and one that is not there any more."""

    def shown(self) -> Sequence[str]:
        """The titles of what the device shows, where one takes the place of another with the same id."""

    def taken(self) -> int:
        """How many messages the service took."""


class PushContract:
    passing: ClassVar[tuple[str, ...]] = ("timeout", "error", "unavailable", "quota", "redirect")
    lost: ClassVar[int] = 2
    """How many messages the service takes where its answer to the first is lost."""

    def test_a_device_shows_what_is_told(self, bench: PushBench) -> None:
        assert bench.service.send(bench.device, TOLD)

        assert bench.shown() == [TOLD.title]

    def test_a_device_that_is_gone_is_undeliverable(self, bench: PushBench) -> None:
        with pytest.raises(Undeliverable):
            bench.service.send(bench.gone, TOLD)

        assert bench.taken() == 0

    def test_what_passes_is_tried_again_and_shown_once(self, bench: PushBench) -> None:
        for kind in self.passing:
            bench.trouble(kind)
            with pytest.raises(Unavailable) as refusal:
                bench.service.send(bench.device, TOLD)
            assert refusal.value.code == "push_unavailable"
            bench.service.send(bench.device, TOLD)

        assert bench.shown() == [TOLD.title]

    def test_a_lost_answer_is_shown_once(self, bench: PushBench) -> None:
        bench.trouble("lost")
        with pytest.raises(Unavailable):
            bench.service.send(bench.device, TOLD)
        bench.service.send(bench.device, TOLD)

        assert bench.taken() == self.lost
        assert bench.shown() == [TOLD.title]
