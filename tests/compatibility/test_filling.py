"""Lists that came after release 1.0 began are filled from the items that earlier releases wrote."""

import json
from collections import Counter

import pytest

from chalicelib.core import ids, migrations
from chalicelib.core.errors import Conflict
from chalicelib.core.migrations import Outcome, Pace
from chalicelib.core.table import PageRequest
from chalicelib.lines.photos import store as photos
from chalicelib.organizations import store as organizations
from chalicelib.organizations.plans import Resource
from chalicelib.organizations.roles import STAFF
from infra import stages
from tests.compatibility.record import FOLDER
from tests.stack import client

stages.load_records()

pytestmark = pytest.mark.usefixtures("aws")

DOMAINS = {"UserRecord": "accounts", "OrganizationRecord": "organizations", "UploadRecord": "photos"}


@pytest.fixture(autouse=True)
def old(aws):
    """What release 0.1 stored of each kind; of an item that is kept in several states the last."""
    kept = {}
    for name, domain in DOMAINS.items():
        items = json.loads((FOLDER / "0.1" / "items" / f"{name}.json").read_text())
        kept[name] = list({item["pk"]["S"]: item for item in items}.values())
        if name == "UserRecord":
            kept[name] += [colleague(kept[name][0], role) for role in ("admin", "photographer")]
        for item in kept[name]:
            client("dynamodb").put_item(TableName=f"thepixstock-test-{domain}", Item=item)
    return kept


def colleague(customer, role):
    """Somebody else of that release, with a role: it wrote all users alike."""
    user = ids.new("usr")
    pk = {"S": customer["pk"]["S"].replace(customer["id"]["S"], user)}
    return customer | {"pk": pk, "id": {"S": user}, "roles": {"S": json.dumps([role])}}


def run(name, **options):
    return migrations.run(name, pace=Pace(1e9), **options).outcomes


def roles_of(item):
    return frozenset(json.loads(item["roles"]["S"]))


def test_staff_gets_its_place_and_its_desk_once(old):
    users = old["UserRecord"]
    staff = [user for user in users if roles_of(user) - {"customer"}]
    assert staff

    outcomes = [run("list-members", dry=True), run("list-members"), run("list-members")]

    assert [each[Outcome.CHANGED] for each in outcomes] == [len(staff), len(staff), 0]
    for organization in {user["organization"]["S"] for user in users}:
        mine = [user for user in staff if user["organization"]["S"] == organization]
        listed = organizations.members_of(organization, PageRequest(size=100)).items
        assert {member.user for member in listed} == {user["id"]["S"] for user in mine}
        desks = sum(1 for user in mine if roles_of(user) & STAFF)
        assert organizations.uses(organization)[Resource.STAFF] == desks


def test_who_lost_their_roles_meanwhile_gets_no_place(old, monkeypatch):
    happens = [old["UserRecord"]]
    transact = migrations.transact

    def late(*writes):
        for user in happens.pop() if happens else ():
            client("dynamodb").update_item(
                TableName="thepixstock-test-accounts",
                Key={"pk": user["pk"], "sk": user["sk"]},
                UpdateExpression="SET #r = :r, #v = :v",
                ExpressionAttributeNames={"#r": "roles", "#v": "version"},
                ExpressionAttributeValues={":r": {"S": '["customer"]'}, ":v": {"N": "99"}},
            )
        transact(*writes)

    monkeypatch.setattr(migrations, "transact", late)

    assert run("list-members", segments=1)[Outcome.CHANGED] == 0
    places = [item for item in stored("organizations") if item["pk"]["S"].endswith("#MEMBERS")]
    assert places == []


def test_organizations_come_into_the_platforms_list(old):
    count = len(old["OrganizationRecord"])

    outcomes = [run("list-organizations")[Outcome.CHANGED] for _ in range(2)]

    listed = organizations.all_of_them(PageRequest(size=100)).items
    assert outcomes == [count, 0]
    assert {each.id for each in listed} == {item["id"]["S"] for item in old["OrganizationRecord"]}


def test_uploads_come_into_the_lists_of_their_photographers(old):
    outcomes = [run("list-uploads")[Outcome.CHANGED] for _ in range(2)]

    wanted = Counter((item["organization"]["S"], item["photographer"]["S"]) for item in old["UploadRecord"])
    assert outcomes == [wanted.total(), 0]
    for (organization, user), count in wanted.items():
        assert len(list(photos.uploads_by(organization, user))) == count


def test_a_run_that_was_stopped_goes_on(old, monkeypatch):
    transact, left = migrations.transact, [1]

    def dies(*writes):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        transact(*writes)

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "transact", dies)
        with pytest.raises(KeyboardInterrupt):
            run("list-organizations", segments=1)
    assert migrations.state("list-organizations").ended_at is None

    run("list-organizations")

    listed = organizations.all_of_them(PageRequest(size=100)).items
    assert {each.id for each in listed} == {item["id"]["S"] for item in old["OrganizationRecord"]}


def test_what_others_added_meanwhile_is_not_added_twice(old, monkeypatch):
    def refused(*writes):
        raise Conflict("changed_meanwhile", "Somebody was faster.")

    monkeypatch.setattr(migrations, "transact", refused)

    assert run("list-uploads")[Outcome.BUSY] == len(old["UploadRecord"])


def stored(domain):
    return client("dynamodb").scan(TableName=f"thepixstock-test-{domain}")["Items"]
