"""Notices in an organization's own words: tried before they are kept, and again each time they are sent."""

from typing import get_args

import pytest
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import aws, clock
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.notifications import service as notifications
from chalicelib.notifications.mail import compose
from chalicelib.notifications.model import Reader
from chalicelib.notifications.values import TEMPLATES, TEXTS, Link, Values
from chalicelib.notifications.wording import samples, service
from chalicelib.notifications.wording.model import OURS, Place, Wording, places
from chalicelib.notifications.wording.sandbox import Unusable, compiled
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from tests import logged
from tests.events.people import ADMIN, OTHER, caller
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("aws")

CODE = Place("sign_up_code", "email", "en")
REFUND = Place("refunded", "email", "en")
TEXT = Place("sign_up_code", "sms", "en")
ENTRY = Place("refunded", "inapp", "en")
OWN = Wording(
    "Your number: {{ code }}",
    "Dear {{ name or 'friend' }}, {{ code }}, or {{ link }}",
    '<p>Dear {{ name }}, <b>{{ code }}</b>{% if link %} or <a href="{{ link }}">press here</a>{% endif %}</p>',
)
MONEY = Wording(
    "{{ amount }} for {{ order_code }}", "We gave {{ amount }} back.", "<p>{{ amount }}, {{ organization }}</p>"
)
GIVEN = {"name": "Nok", "code": "483920", "minutes": 10, "link": "https://shop.example/verify?token=a.b"}
BACK = {"order_code": "K7M2Q9XR", "amount": "59.00 THB", "by_transfer": True, "withdrawn": False}
ALL = PageRequest(size=100)


@pytest.fixture
def asked():
    """What goes to SES."""
    seen, event = [], "provide-client-params.ses.SendEmail"
    aws.client("ses").meta.events.register(event, listen := lambda params, **_: seen.append(params["Message"]))
    yield seen
    aws.client("ses").meta.events.unregister(event, listen)


def mail(values=GIVEN, template="sign_up_code", once="one", language="en", organization=DEFAULT, reader=None):
    return notifications.send_email(
        organization,
        once=once,
        to="nok@mail.example",
        template=template,
        language=language,
        values=values,
        reader=reader,
    )


def only(text, place=REFUND):
    """Words that are the product's but for the text."""
    return Wording("Money", text, "<p>Money</p>") if place is REFUND else Wording(text=text)


def test_a_mail_is_said_in_the_organizations_words(asked):
    service.save(ADMIN, CODE, OWN, 0)

    mail()
    mail(once="two", language="th")

    own, product = asked
    assert own["Subject"]["Data"] == "Your number: 483920"
    assert own["Body"]["Text"]["Data"] == f"Dear Nok, 483920, or {GIVEN['link']}\n"
    assert (
        '<p>Dear Nok, <b>483920</b> or <a href="https://shop.example/verify?token=a.b">' in own["Body"]["Html"]["Data"]
    )
    assert own["Body"]["Html"]["Data"].startswith("<!doctype html>")
    assert product["Subject"]["Data"] == "รหัสสมัครสมาชิก ThePixStock"


def test_values_are_text_in_a_page(asked):
    service.save(ADMIN, REFUND, MONEY, 0)

    mail(BACK | {"organization": "A <b>& B"}, "refunded")

    assert "<p>59.00 THB, A &lt;b&gt;&amp; B</p>" in asked[0]["Body"]["Html"]["Data"]


def test_a_text_and_an_entry_have_words_of_their_own():
    service.save(ADMIN, TEXT, Wording(text="{{ organization }}: {{ code }}{% if link %} {{ link }}{% endif %}"), 0)
    service.save(ADMIN, ENTRY, Wording("Money for you", "{{ amount }} came back."), 0)
    reader = caller("customer")

    notifications.send_text(
        DEFAULT, once="text", to="+66812345678", template="sign_up_code", language="en", values=GIVEN | {"link": None}
    )
    mail(BACK, "refunded", reader=Reader(reader.known_user))

    assert [text for _, text in sns_backends[ACCOUNT][REGION].sms_messages.values()] == ["ThePixStock: 483920"]
    (entry,) = notifications.personal_data(DEFAULT, reader.known_user)["inbox"]
    assert (entry["title"], entry["text"]) == ("Money for you", "59.00 THB came back.")
    assert ses_backends[ACCOUNT][REGION].sent_messages[0].subject == "Your refund for order K7M2Q9XR"


def test_another_organization_has_words_of_its_own(asked):
    service.save(ADMIN, REFUND, MONEY, 0)

    assert service.show(OTHER, REFUND).wording == Wording()
    with pytest.raises(NotFound, match="version_not_found"):
        service.restore(caller("owner", organization=OTHER), REFUND, 1, 0)


def test_every_save_is_a_version_and_an_earlier_one_comes_back():
    service.save(ADMIN, REFUND, only("First"), 0)
    service.save(ADMIN, REFUND, only("Second"), 1)
    with pytest.raises(Conflict, match="version_conflict"):
        service.save(ADMIN, REFUND, only("Third"), 1)
    service.remove(ADMIN, REFUND)
    service.remove(ADMIN, REFUND)
    assert service.show(DEFAULT, REFUND).wording == Wording()

    service.restore(ADMIN, REFUND, 1, 3)

    assert service.show(DEFAULT, REFUND).wording == only("First")
    texts = [each.wording.text for each in service.history(DEFAULT, REFUND, ALL).items]
    assert texts == ["First", None, "Second", "First"]
    actions = [entry.action for entry in audit.find(DEFAULT, Search(entity=("template", REFUND.name)), ALL).items]
    assert actions == ["template.changed", "template.removed", "template.changed", "template.changed"]
    assert [place for place, held in service.listed(DEFAULT) if held.own] == [REFUND]


def test_a_change_holds_at_once_here_and_within_a_minute_elsewhere(asked):
    mail(BACK, "refunded")
    service.save(ADMIN, REFUND, MONEY, 0)
    mail(BACK, "refunded", once="two")
    kept = dict(service._in_force)
    service.remove(ADMIN, REFUND)
    service._in_force.update(kept)  # another process
    mail(BACK, "refunded", once="three")
    with clock.travel(service._KEPT):
        mail(BACK, "refunded", once="four")

    product, own = "Your refund for order K7M2Q9XR", "59.00 THB for K7M2Q9XR"
    assert [message["Subject"]["Data"] for message in asked] == [product, own, own, product]


def test_words_that_fail_when_they_are_sent_give_way_and_are_logged_once(asked):
    told = "{% if outcome == 'won' %}{{ reason.nothing }}{% else %}{{ reason }}{% endif %}"
    place = Place("payment_disputed", "email", "en")
    odd = "{% if reason == 'odd' %}{{ reason.nothing }}{% else %}.{% endif %}"
    with pytest.raises(Unprocessable, match="template_refused"):
        service.save(ADMIN, place, Wording("Dispute", told, "<p>Dispute</p>"), 0)
    service.save(ADMIN, place, Wording("Dispute", odd, "<p>Dispute</p>"), 0)
    values = {"order_code": "K7M2Q9XR", "amount": "59.00 THB", "reason": "odd", "outcome": "open"}

    with logged.lines() as lines:
        mail(values, "payment_disputed")
        mail(values, "payment_disputed", once="two")
        mail(values | {"reason": "even"}, "payment_disputed", once="three")
        unused = [line for line in lines() if line["message"] == "own words not used"]

    product = compose("payment_disputed", "en", values | {"organization": "ThePixStock", "due_at": None}).subject
    assert [message["Subject"]["Data"] for message in asked] == [product, product, "Dispute"]
    assert len(unused) == 1


def test_words_that_lose_a_link_when_they_are_sent_give_way(asked):
    hides = Wording(
        OWN.subject, OWN.text, OWN.html.replace("<p>", "{% if name == 'Nok' %}<p>None</p>{% else %}<p>") + "{% endif %}"
    )
    service.save(ADMIN, CODE, hides, 0)

    mail()
    mail(GIVEN | {"name": "Anna"}, once="two")

    assert [message["Subject"]["Data"] for message in asked] == [
        "Your sign-up code for ThePixStock",
        "Your number: 483920",
    ]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ amount", "Line 1: "),
        ("One\n{{ password }}", "Line 2: There is no password."),
        ("{% for x in range(10) %}a{% endfor %}", "Line 1: A loop goes over nothing here."),
        ("{{ amount.upper() }}", "Line 1: Call is not allowed here."),
        ("{{ 'a' * 1000000000 }}", "Line 1: Mul is not allowed here."),
        ("{{ 9 ** 9 ** 9 }}", "Line 1: Pow is not allowed here."),
        ("{% set a = amount %}{{ a }}", "Line 1: Assign is not allowed here."),
        ("{{ amount|center(1000000000) }}", "Line 1: No filter named 'center'."),
        ("{{ amount|safe }}", "Line 1: No filter named 'safe'."),
        ("{% include 'layout.html' %}", "Line 1: Include is not allowed here."),
        ("{% macro a() %}{% endmacro %}", "Line 1: Macro is not allowed here."),
        ("{% autoescape false %}{{ amount }}{% endautoescape %}", "Scope is not allowed here."),
        ("\n{{ amount.__class__ }}", "Line 2: "),
        ("{{ amount.nothing }}", "Line 1: 'str object' has no attribute 'nothing'"),
        ("{{ amount < 1 }}", "Line 1: It can not be told of these values."),
        ("{{ " + "(" * 5_000 + "1" + ")" * 4_000 + " }}", ""),
        ("Look at https://phish.example/a", "Links are made by us"),
        ("Look at www.phish.example", "Links are made by us"),
        ("{{ 'ht' ~ 'tps://phish.example' }}", "Links are made by us"),
        (" ", "There is nothing left to read."),
    ],
)
def test_what_can_not_be_used_is_not_kept(source, told):
    with pytest.raises(Unprocessable, match="template_refused") as refused:
        service.save(ADMIN, REFUND, only(source), 0)

    assert told in refused.value.message
    assert refused.value.field == "text"
    assert service.history(DEFAULT, REFUND, ALL).items == []


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script>",
        '<img src="https://track.example/{{ order_code }}.gif">',
        '<p onclick="a()">Money</p>',
        '<a href="https://phish.example">Money</a>',
        '<a href="javascript:a()">Money</a>',
        "<p style=\"background:url('//track.example')\">Money</p>",
        '<form action="/a"><input></form>',
        "<!-- [if mso]> --><p>Money</p>",
        "<!doctype html><p>Money</p>",
        '<meta http-equiv="refresh" content="0"><p>Money</p>',
        "<p>https://phish.example</p>",
        "<p> </p>",
    ],
)
def test_a_page_holds_only_what_a_mail_needs(page):
    with pytest.raises(Unprocessable, match="template_refused") as refused:
        service.save(ADMIN, REFUND, Wording("Money", "Money", page), 0)

    assert refused.value.field == "html"


@pytest.mark.parametrize(
    ("wording", "part"),
    [
        (Wording("Code", "{{ link }}", OWN.html), "text"),
        (Wording("Code", "{{ code }}", OWN.html), "text"),
        (Wording("Code", OWN.text, "<p>{{ code }}</p>"), "html"),
        (Wording("Code", OWN.text, '<p><a href="{{ link }}">press</a></p>'), "html"),
    ],
)
def test_the_code_and_the_link_stay(wording, part):
    with pytest.raises(Unprocessable, match="It must show") as refused:
        service.save(ADMIN, CODE, wording, 0)

    assert refused.value.field == part


@pytest.mark.parametrize(
    ("place", "wording", "code"),
    [
        (REFUND, Wording("Money", "Money"), "part_missing"),
        (TEXT, Wording("Code", "{{ code }}"), "part_not_here"),
        (REFUND, Wording("Money", "a" * 10_001, "<p>Money</p>"), "too_long"),
    ],
)
def test_a_channel_has_its_parts_and_no_others(place, wording, code):
    with pytest.raises(Invalid, match=code):
        service.save(ADMIN, place, wording, 0)


def test_an_entry_names_nothing_that_opens_something():
    place = Place("download_ready", "inapp", "en")

    assert {"link", "invoice"}.isdisjoint(place.variables)
    with pytest.raises(Unprocessable, match="There is no link"):
        service.save(ADMIN, place, Wording("Photos", "{{ link }}"), 0)
    with pytest.raises(NotFound, match="template_not_found"):
        Place.of("sign_up_code", "inapp", "en")


@pytest.mark.parametrize(
    ("kind", "channel", "language"),
    [("none", "email", "en"), ("refunded", "fax", "en"), ("refunded", "email", "de"), ("refunded", "sms", "en")],
)
def test_there_is_only_what_people_are_told(kind, channel, language):
    with pytest.raises(NotFound, match="template_not_found"):
        Place.of(kind, channel, language)


def test_lists_are_gone_over_once():
    place = Place("download_ready", "email", "en")
    words = Wording(
        "Photos", "{% for one in items %}{{ loop.index }} {{ one.title }}\n{% endfor %}{{ link }}", "<p>{{ link }}</p>"
    )
    service.save(ADMIN, place, words, 0)

    assert service.preview(DEFAULT, place, Wording()).text.startswith("1 Night Run 2026\n2 Trail & Lake\n")
    nested = "{% for a in items %}{% for b in items %}{{ b.title }}{% endfor %}{% endfor %}{{ link }}"
    with pytest.raises(Unprocessable, match="A loop stands in no other one"):
        service.save(ADMIN, place, Wording("Photos", nested, "<p>{{ link }}</p>"), 1)


def test_what_a_template_makes_ends_while_it_is_made():
    part = compiled(
        "{% for x in many %}{{ x }}{% endfor %}",
        names=frozenset({"many"}),
        lists=frozenset({"many"}),
        html=False,
        longest=1_000,
    )

    with pytest.raises(Unusable, match="too long"):
        part.render({"many": ["a" * 100] * 1_000_000})


@pytest.mark.parametrize("place", places(), ids=lambda place: place.name)
def test_everything_is_previewed_in_the_products_words(place):
    said = service.preview(DEFAULT, place, Wording())

    assert said.text.strip()
    assert bool(said.html) == (place.channel == "email")
    for given in samples.all_of(place.values, "https://shop.example", clock.now()):
        assert isinstance(given, Values)


@pytest.mark.parametrize("told", sorted({*TEMPLATES.values(), *TEXTS.values()}, key=str))
def test_every_value_that_is_a_link_is_known_as_ours(told):
    pattern = get_args(Link)[1].pattern
    links = {
        name
        for name, schema in told.model_json_schema()["properties"].items()
        if pattern in {schema.get("pattern"), *(each.get("pattern") for each in schema.get("anyOf", ()))}
    }

    assert links <= OURS


def test_a_sample_goes_out_in_the_words_that_hold(asked):
    service.save(ADMIN, CODE, OWN, 0)

    notifications.send_sample(DEFAULT, once="sample", to="me@shop.example", place=CODE)

    assert asked[0]["Subject"]["Data"] == "Your number: 000000"
    assert f"{organizations.url_of(DEFAULT)}/sample/link" in asked[0]["Body"]["Text"]["Data"]
