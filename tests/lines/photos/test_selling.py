import boto3
import pytest

from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.events import service as events
from chalicelib.lines.photos import service
from chalicelib.lines.photos.pricing import Package, default_packages
from chalicelib.organizations.service import DEFAULT
from tests.events.people import ADMIN, OTHER, VISITOR, caller, planned
from tests.lines.photos.conftest import ORIGINALS
from tests.lines.photos.pictures import jpeg

USUAL = default_packages("THB")
MISSING = "pho_00000000000000000000000009"
OWN = (Package("one", "One", 1, 50_00), Package("all", "All", None, 500_00))


def test_photos_for_sale_come_in_the_order_asked_for(world):
    photos = world.upload(jpeg(1), jpeg(2))
    for photo in photos:
        service.approve_photo(ADMIN, photo.id)
    wanted = [photos[1].id, photos[0].id]

    assert [photo.id for photo in service.for_sale(DEFAULT, wanted)] == wanted
    assert set(service.find(DEFAULT, [*wanted, MISSING, "nonsense", ""])) == set(wanted)
    assert service.find(OTHER, wanted) == {}
    assert service.find(DEFAULT, []) == {}


def test_what_can_not_be_bought_is_refused(world):
    pending = world.upload(jpeg(1))[0]

    with pytest.raises(Conflict, match="photo_not_for_sale"):
        service.for_sale(DEFAULT, [pending.id])
    for organization, id in ((DEFAULT, MISSING), (DEFAULT, "pho_1"), (OTHER, pending.id)):
        with pytest.raises(NotFound, match="photo_not_found"):
            service.for_sale(organization, [id])


def test_a_buyer_gets_the_cleaned_file_under_a_name_of_its_own(world):
    photo = world.upload(jpeg(1))[0]

    file = service.delivery_file(photo, world.event)

    assert file.filename == f"bangkok-night-run-{photo.id[-8:].lower()}.jpg"
    assert (file.resource, file.content_type, file.sha256) == (photo.id, "image/jpeg", photo.delivered_sha256)
    stored = boto3.client("s3").get_object(Bucket=ORIGINALS, Key=file.key)
    assert stored["ContentType"] == "image/jpeg"


def test_an_event_sells_at_the_default_packages_until_it_has_its_own(world):
    assert service.packages_of(DEFAULT, world.event.id).packages == USUAL
    assert service.price_list(VISITOR, world.event.slug).version == 0

    first = service.set_packages(ADMIN, world.event.id, OWN, 0)
    second = service.set_packages(ADMIN, world.event.slug, OWN[:1], first.version)

    assert (first.version, second.version) == (1, 2)
    assert service.packages_of(DEFAULT, world.event.id).packages == OWN[:1]
    assert service.packages_of(DEFAULT, planned().id).packages == USUAL


@pytest.mark.parametrize("version", [0, 2])
def test_packages_of_another_version_are_refused(world, version):
    service.set_packages(ADMIN, world.event.id, OWN, 0)

    with pytest.raises(Conflict, match="version_conflict"):
        service.set_packages(ADMIN, world.event.id, OWN[:1], version)

    assert service.packages_of(DEFAULT, world.event.id).packages == OWN


def test_packages_without_a_single_price_are_refused(world):
    with pytest.raises(Invalid, match="single_price_missing"):
        service.set_packages(ADMIN, world.event.id, OWN[1:], 0)

    assert service.packages_of(DEFAULT, world.event.id).packages == USUAL


def test_prices_of_a_hidden_or_foreign_event_are_missing(world):
    draft = planned()

    for who, event in ((VISITOR, draft), (caller("admin", organization=OTHER), world.event)):
        with pytest.raises(NotFound, match="event_not_found"):
            service.price_list(who, event.id)
    with pytest.raises(NotFound, match="event_not_found"):
        service.set_packages(caller("admin", organization=OTHER), world.event.id, OWN, 0)
    assert events.get(DEFAULT, world.event.id) == world.event
