"""Second factors.

| access                                   | key                                       |
|------------------------------------------|-------------------------------------------|
| the second factor of a user              | pk T#{org}#USR#{user} / sk FACTOR         |
| which roles of an organization need one  | pk T#{org}#POLICY#second-factor / sk -    |
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.accounts.second_factor.model import Policy, SecondFactor
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.table import Moment, Record, Typed, Write, create, delete, replace, table


class SecondFactorRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "FACTOR")
    model = SecondFactor

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    secret = UnicodeAttribute()
    recovery = Typed[tuple[str, ...]](tuple[str, ...])
    step = NumberAttribute()
    created_at = Moment()
    confirmed_at = Moment(null=True)


class PolicyRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#POLICY#second-factor", "-")
    model = Policy

    organization = UnicodeAttribute()
    roles = Typed[frozenset[str]](frozenset[str])


def find(organization: str, user_id: str) -> SecondFactor | None:
    record = SecondFactorRecord.fetch(_pk(organization, user_id), "FACTOR")
    found: SecondFactor | None = record.value() if record else None
    return found


def set_up(factor: SecondFactor) -> Write:
    """Refused with Conflict where one is in use: who knows only the password does not replace it."""
    in_use = Conflict("second_factor_enabled", "A second factor is in use. Disable it first.")
    free = SecondFactorRecord.pk.does_not_exist() | SecondFactorRecord.confirmed_at.does_not_exist()
    return Write("put", _factor(factor), free, refused=in_use)


def save(factor: SecondFactor, *, was: SecondFactor, refused: AppError | None = None) -> Write:
    """A write that holds only while the stored version is `was.version`: of two that use a code, one does."""
    return replace(_factor(factor), was.version, refused)


def remove(factor: SecondFactor) -> Write:
    """A write that holds only while the stored version is the factor's."""
    return delete(_factor(factor), SecondFactorRecord.version == factor.version)


def policy(organization: str) -> Policy:
    """Without one, no role needs a second factor."""
    record = PolicyRecord.fetch(_policy_pk(organization), "-")
    found: Policy = record.value() if record else Policy(organization, frozenset(), 0)
    return found


def save_policy(changed: Policy, *, was: Policy) -> Write:
    record = PolicyRecord.of(changed, pk=_policy_pk(changed.organization), sk="-")
    return replace(record, was.version) if was.version else create(record)


def _factor(factor: SecondFactor) -> SecondFactorRecord:
    return SecondFactorRecord.of(factor, pk=_pk(factor.organization, factor.user), sk="FACTOR")


def _pk(organization: str, user_id: str) -> str:
    return f"T#{organization}#USR#{user_id}"


def _policy_pk(organization: str) -> str:
    return f"T#{organization}#POLICY#second-factor"
