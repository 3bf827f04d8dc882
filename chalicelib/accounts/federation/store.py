"""Accounts elsewhere.

| access                                  | key                                                         |
|-----------------------------------------|-------------------------------------------------------------|
| the user behind an account elsewhere    | pk T#{org}#LINK#{provider}#{sha256 of subject} / sk -       |
| the accounts elsewhere of a user        | pk T#{org}#USR#{user} / sk LINK#{provider}                  |
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.accounts.federation.model import Link
from chalicelib.core import ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Record, Write, check, create, delete, table


class LinkRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#LINK#{}#{}", "-")
    model = Link

    organization = UnicodeAttribute()
    provider = UnicodeAttribute()
    subject_digest = UnicodeAttribute()
    user = UnicodeAttribute()
    linked_at = Moment()


class UserLinkRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "LINK#{}")

    subject_digest = UnicodeAttribute()


def find(organization: str, provider: str, subject: str) -> Link | None:
    record = LinkRecord.fetch(_pk(organization, provider, ids.digest(subject)), "-")
    found: Link | None = record.value() if record else None
    return found


def add(link: Link) -> tuple[Write, Write]:
    """An account elsewhere opens one account here, and a user has one at each provider. Refused with Conflict."""
    taken = Conflict("identity_linked", "This account opens another one here.")
    second = Conflict("provider_linked", "You have connected another account of this provider.")
    pk = _pk(link.organization, link.provider, link.subject_digest)
    entry = UserLinkRecord(
        f"T#{link.organization}#USR#{link.user}", f"LINK#{link.provider}", subject_digest=link.subject_digest
    )
    return create(LinkRecord.of(link, pk=pk, sk="-"), taken), create(entry, second)


def of_user(organization: str, user: str) -> list[UserLinkRecord]:
    return list(
        UserLinkRecord.query(
            f"T#{organization}#USR#{user}", UserLinkRecord.sk.startswith("LINK#"), consistent_read=True
        )
    )


def forget(organization: str, entry: UserLinkRecord) -> tuple[Write, Write]:
    provider = entry.sk.removeprefix("LINK#")
    return delete(LinkRecord(_pk(organization, provider, entry.subject_digest), "-")), delete(entry)


def find_of_user(organization: str, user: str, provider: str) -> UserLinkRecord | None:
    return UserLinkRecord.fetch(f"T#{organization}#USR#{user}", f"LINK#{provider}")


def remains(entry: UserLinkRecord, refused: Conflict) -> Write:
    """Holds while the account elsewhere is connected."""
    return check(UserLinkRecord(entry.pk, entry.sk), UserLinkRecord.pk.exists(), refused)


def _pk(organization: str, provider: str, digest: str) -> str:
    return f"T#{organization}#LINK#{provider}#{digest}"
