"""Everything of a person, to be forgotten."""

from collections.abc import Iterator

from chalicelib.accounts.model import Purpose, User
from chalicelib.accounts.store.codes import ChallengeRecord, challenge_pk, forget_log_ins
from chalicelib.accounts.store.keys import user_pk
from chalicelib.accounts.store.people import pointer, uncount
from chalicelib.accounts.store.sessions import SessionRecord, UserSessionRecord, session_pk, sessions_of
from chalicelib.core.table import Write, delete


def forget(user: User) -> Iterator[Write]:
    """Writes that remove all of a user, the account itself last: who is interrupted finds the rest again by it."""
    organization = user.organization
    for session in sessions_of(organization, user.id):
        yield delete(SessionRecord(session_pk(organization, session.id), "-"))
    for purpose in Purpose:
        yield delete(ChallengeRecord(challenge_pk(organization, purpose, user.id), "-"))
    addresses = {user.email, *(phone.number for phone in user.phones)} - {None}
    for address in sorted(map(str, addresses)):
        yield forget_log_ins(organization, address)
        kind, pk = pointer(organization, address)
        held = kind.fetch(pk, "-")
        if held is not None and held.user == user.id:  # a number that was never proven may be another's
            yield delete(held)
    own = UserSessionRecord.query(user_pk(organization, user.id), consistent_read=True)
    rows = sorted(((row.pk, row.sk) for row in own), key=lambda key: key[1] == "-")
    for pk, sk in rows:
        is_mark = sk == "COUNTED"
        yield uncount(organization, user.id) if is_mark else delete(UserSessionRecord(pk, sk))
