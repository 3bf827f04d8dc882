"""Grants and downloads against moto's DynamoDB and its presigned URLs."""

from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest

from chalicelib.core import clock, ids, table
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.secrets import sign
from chalicelib.entitlements import service, store
from chalicelib.entitlements.service import File, granting, history
from chalicelib.organizations.service import DEFAULT as ORG
from tests.stack import ENVIRONMENT

pytestmark = pytest.mark.usefixtures("aws")

ORDER = "ord_1"
OWNER = "usr_owner"
MINUTES = timedelta(minutes=1)


def file(number=1, **changes):
    known = {
        "resource": f"pho_{number}",
        "title": f"Photo {number}",
        "key": f"deliverables/{number}.jpg",
        "filename": f"รูป {number}.jpg",
        "content_type": "image/jpeg",
        "sha256": f"{number:064x}",
    }
    return File(**{**known, **changes})


def give(*files, order=ORDER, owner=None, limit=3, hours=72, organization=ORG, sale=None):
    service.grant(organization, order=order, owner=owner, files=files or (file(),), limit=limit, hours=hours, sale=sale)


def guest(order=ORDER, organization=ORG, token=None):
    return Principal(organization, tokens={"order": token or sign("order", organization, order)})


def stored(order=ORDER):
    return store.of_order(ORG, order)


def lasts(url):
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


class Killed(BaseException):
    pass


def dying_after(times):
    """A `transact` that works so many times; then the process dies."""
    left = iter(range(times))

    def transact(*writes):
        if next(left, None) is None:
            raise Killed
        table.transact(*writes)

    return transact


# --- granting


def test_each_file_of_an_order_is_granted_with_its_limit_and_time():
    give(file(1), file(2), limit=5, hours=24, owner=OWNER)

    grants = service.list_grants(guest(), ORDER)
    assert [grant.resource for grant in grants] == ["pho_1", "pho_2"]
    first = grants[0]
    assert first.id == ids.derived("grt", ORG, ORDER, "pho_1")
    assert (first.limit, first.remaining) == (5, 5)
    assert first.expires_at - first.created_at == timedelta(hours=24)
    assert (first.owner, first.window_until, first.revoked) == (OWNER, None, False)
    assert first.hours == 24
    assert service.of_order(ORG, ORDER) == grants


def test_granting_again_changes_nothing_and_adds_what_is_missing():
    give(file(1), limit=2)
    service.download(guest(), ORDER, "pho_1")
    before = stored()

    with clock.travel(timedelta(hours=1)):
        give(file(1, title="another"), file(2), limit=9)

    assert stored()[0] == before[0]
    assert [(grant.resource, grant.limit) for grant in stored()] == [("pho_1", 2), ("pho_2", 9)]


def test_a_grant_of_many_files_goes_on_where_it_was_cut_off(monkeypatch):
    files = [file(number) for number in range(1, 251)]
    with monkeypatch.context() as patch:
        patch.setattr(granting, "transact", dying_after(1))
        with pytest.raises(Killed):
            give(*files)
    assert 0 < len(stored()) < 250
    give(*files)

    assert {grant.resource for grant in stored()} == {file.resource for file in files}
    assert {grant.remaining for grant in stored()} == {3}


def test_two_runs_of_one_grant_end_as_one(monkeypatch):
    def another_was_faster(*writes):
        monkeypatch.setattr(granting, "transact", table.transact)
        give(file(1))
        table.transact(*writes)

    monkeypatch.setattr(granting, "transact", another_was_faster)
    give(file(1), file(2), file(2))

    assert [grant.resource for grant in stored()] == ["pho_1", "pho_2"]


def test_nothing_to_grant_is_nothing():
    service.grant(ORG, order=ORDER, owner=None, files=[], limit=3, hours=72)

    assert stored() == []


# --- downloading


def test_a_download_is_a_signed_url_for_five_minutes_that_saves_under_the_files_name():
    boto3.client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key="deliverables/1.jpg", Body=b"pixels")
    give()

    download = service.download(guest(), ORDER, "pho_1")

    parts = urlsplit(download.url)
    assert parts.path == f"/{ENVIRONMENT['PIX_ORIGINALS_BUCKET']}/deliverables/1.jpg"
    assert lasts(download.url) == 300
    disposition = parse_qs(parts.query)["response-content-disposition"][0]
    assert unquote(disposition) == "attachment; filename*=UTF-8''รูป 1.jpg"
    assert (download.filename, download.content_type) == ("รูป 1.jpg", "image/jpeg")
    assert download.sha256 == f"{1:064x}"
    assert download.remaining == 2
    assert download.expires_at == stored()[0].window_until


def test_asking_again_within_the_window_burns_nothing_and_ends_no_later():
    give()
    first = service.download(guest(), ORDER, "pho_1")

    with clock.travel(4 * MINUTES):
        again = service.download(guest(), ORDER, "pho_1")

    assert again.remaining == first.remaining == 2
    assert again.expires_at == first.expires_at
    assert urlsplit(again.url).path == urlsplit(first.url).path
    assert 0 < lasts(again.url) <= 60


def test_the_limit_is_exact_over_windows():
    give(limit=3)
    left = []
    for step in range(3):
        with clock.travel(step * 6 * MINUTES):
            left += [service.download(guest(), ORDER, "pho_1").remaining for _ in range(3)]

    assert left == [2, 2, 2, 1, 1, 1, 0, 0, 0]
    with clock.travel(18 * MINUTES), pytest.raises(Forbidden, match="download_limit_reached"):
        service.download(guest(), ORDER, "pho_1")
    assert stored()[0].remaining == 0


def test_the_moment_a_window_ends_the_next_download_begins(monkeypatch):
    give(limit=2)
    first = service.download(guest(), ORDER, "pho_1")

    monkeypatch.setattr(clock, "now", lambda: first.expires_at)

    assert service.download(guest(), ORDER, "pho_1").remaining == 0


def test_files_are_counted_apart():
    give(file(1), file(2), limit=1)

    assert [service.download(guest(), ORDER, f"pho_{number}").remaining for number in (1, 2)] == [0, 0]


def test_after_its_time_a_photo_is_gone():
    give(hours=1, limit=3)

    with clock.travel(timedelta(minutes=59)):
        last = service.download(guest(), ORDER, "pho_1")
    with clock.travel(timedelta(minutes=61)), pytest.raises(Forbidden, match="download_expired"):
        service.download(guest(), ORDER, "pho_1")

    assert last.expires_at == stored()[0].expires_at, "no link outlives the grant"
    assert lasts(last.url) <= 60
    assert stored()[0].remaining == 2


# --- who may


def test_the_owner_needs_no_token():
    give(owner=OWNER)
    owner = Principal(ORG, user=OWNER)

    assert len(service.list_grants(owner, ORDER)) == 1
    assert service.download(owner, ORDER, "pho_1").remaining == 2


@pytest.mark.parametrize(
    "stranger",
    [
        lambda: Principal(ORG),
        lambda: Principal(ORG, user="usr_other"),
        lambda: guest(token="guessed"),
        lambda: guest(token="ไทย"),
        lambda: Principal(ORG, tokens={"order": sign("order", ORG, "ord_2")}),
        lambda: Principal("org_other", tokens={"order": sign("order", ORG, ORDER)}),
        lambda: Principal("org_other", tokens={"order": sign("order", "org_other", ORDER)}),
        lambda: Principal("org_other", user=OWNER),
    ],
    ids=["visitor", "user", "guess", "not-ascii", "other-order", "other-tenant", "own-token", "other-owner"],
)
def test_for_everybody_else_the_order_does_not_exist(stranger):
    give(owner=OWNER)
    give(order="ord_2", owner="usr_other")

    for attempt in (
        lambda: service.list_grants(stranger(), ORDER),
        lambda: service.download(stranger(), ORDER, "pho_1"),
    ):
        with pytest.raises(NotFound) as refusal:
            attempt()
        with pytest.raises(NotFound) as missing:
            service.download(guest(order="ord_none"), "ord_none", "pho_1")
        assert str(refusal.value) == str(missing.value)

    assert stored()[0].remaining == 3


def test_a_guests_order_opens_for_no_visitor_without_a_user():
    give(owner=None)

    with pytest.raises(NotFound):
        service.list_grants(Principal(ORG, user=None), ORDER)


def test_an_unknown_photo_of_an_order_is_not_found():
    give()

    with pytest.raises(NotFound, match="download_not_found"):
        service.download(guest(), ORDER, "pho_9")


# --- withdrawing


def test_a_revoked_order_gives_nothing_more_even_within_a_window():
    give(file(1), file(2))
    service.download(guest(), ORDER, "pho_1")

    service.revoke(ORG, ORDER)

    for resource in ("pho_1", "pho_2"):
        with pytest.raises(Forbidden, match="download_revoked"):
            service.download(guest(), ORDER, resource)
    assert [(grant.revoked, grant.remaining) for grant in service.list_grants(guest(), ORDER)] == [
        (True, 2),
        (True, 3),
    ]


def test_revoking_twice_keeps_the_first_time_and_finishes_what_was_cut_off(monkeypatch):
    files = [file(number) for number in range(1, 121)]
    give(*files)

    with monkeypatch.context() as patch:
        patch.setattr(granting, "transact", dying_after(1))
        with pytest.raises(Killed):
            service.revoke(ORG, ORDER)
    before = [grant.revoked_at for grant in stored() if grant.revoked]
    with clock.travel(MINUTES):
        service.revoke(ORG, ORDER)

    assert len(before) == 100
    assert [grant.revoked for grant in stored()] == [True] * 120
    assert sum(grant.revoked_at in before for grant in stored()) == 100


def test_a_grant_that_comes_after_the_revocation_brings_nothing():
    service.revoke(ORG, ORDER)

    give()

    assert stored() == []
    with pytest.raises(NotFound):
        service.list_grants(guest(), ORDER)


def test_revoking_one_order_leaves_the_others():
    give()
    give(order="ord_2")

    service.revoke(ORG, ORDER)

    assert service.download(guest("ord_2"), "ord_2", "pho_1").remaining == 2


def test_a_revocation_between_spending_and_answering_wins(monkeypatch):
    give()

    def spend_then_revoke(*writes):
        monkeypatch.setattr(history, "transact", table.transact)
        table.transact(*writes)
        service.revoke(ORG, ORDER)

    monkeypatch.setattr(history, "transact", spend_then_revoke)

    with pytest.raises(Forbidden, match="download_revoked"):
        service.download(guest(), ORDER, "pho_1")


# --- the link


def test_a_buyer_finds_the_original_by_the_photo_alone():
    give(file(1), owner="usr_anna")
    give(file(1), order=ids.new("ord"), owner="usr_anna")
    anna, photo = Principal(ORG, user="usr_anna"), file(1).resource

    taken = service.original(anna, photo)
    again = service.original(anna, photo)

    assert (taken.remaining, again.remaining, taken.filename) == (2, 2, file(1).filename)
    assert stored()[0].remaining == 3  # the newest order's were taken
    assert service.original(anna, photo, ORDER).remaining == 2
    for stranger in (Principal(ORG), Principal(ORG, user="usr_ben"), Principal("org_other", user="usr_anna")):
        with pytest.raises(NotFound, match="download_not_found"):
            service.original(stranger, photo)
        with pytest.raises(NotFound, match="download_not_found"):
            service.original(stranger, photo, ORDER)
    with pytest.raises(NotFound, match="download_not_found"):
        service.original(anna, file(2).resource)


def test_a_guest_names_the_order_of_an_original():
    give(file(1))

    with pytest.raises(NotFound, match="download_not_found"):
        service.original(guest(), file(1).resource)
    assert service.original(guest(), file(1).resource, ORDER).remaining == 2


def test_who_is_forgotten_finds_nothing_by_the_photo():
    give(file(1), file(2), owner="usr_anna")

    service.forget_owner(ORG, ORDER)

    for number in (1, 2):
        with pytest.raises(NotFound, match="download_not_found"):
            service.original(Principal(ORG, user="usr_anna"), file(number).resource)
    assert store.order_of(ORG, "usr_anna", file(1).resource) is None


def test_the_link_carries_the_orders_token():
    token = sign("order", ORG, ORDER)

    assert service.link(ORG, ORDER) == f"{ENVIRONMENT['PIX_API_URL']}/d/{ORDER}/{token}"
    assert len(token) == 43
