"""Accounts.

| access                        | key                                            |
|-------------------------------|------------------------------------------------|
| one user                      | pk T#{org}#USR#{id} / sk -                     |
| a user's places for sessions  | pk T#{org}#USR#{id} / sk PLACE#{00-09}         |
| sessions begun by release 1.0 | pk T#{org}#USR#{id} / sk SES#{session}         |
| the user behind an address    | pk T#{org}#EMAIL#{sha256 of address} / sk -    |
| the user behind a phone       | pk T#{org}#PHONE#{sha256 of number} / sk -     |
| one session                   | pk T#{org}#SES#{id} / sk -                     |
| the code a user must bring    | pk T#{org}#CODE#{purpose}#{user} / sk -        |
| failed log-ins of an address  | pk T#{org}#TRIES#{sha256 of address} / sk -    |

How people are searched for stands in administration/store.py.
"""

from chalicelib.accounts.store.codes import (
    ChallengeRecord,
    TriesRecord,
    challenge,
    count_first_log_in,
    count_log_in,
    count_try,
    find_challenge,
    forget_log_ins,
    log_in_count_ends,
    use_up,
)
from chalicelib.accounts.store.forgetting import (
    forget,
)
from chalicelib.accounts.store.keys import (
    folded,
    people_pk,
    staff_pk,
)
from chalicelib.accounts.store.people import (
    EmailRecord,
    EmailTaken,
    PhoneRecord,
    PhoneTaken,
    UserRecord,
    add,
    claim_address,
    count,
    find,
    find_all,
    find_by_address,
    free_address,
    get,
    is_counted,
    keeps_password,
    nobody,
    save,
    sign_out,
    take_over,
    unchanged,
)
from chalicelib.accounts.store.sessions import (
    PlaceRecord,
    PlaceTaken,
    SessionRecord,
    UserSessionRecord,
    add_session,
    add_visit,
    displace,
    end,
    find_session,
    places_of,
    rotate,
    sessions_of,
)

__all__ = [
    "ChallengeRecord",
    "EmailRecord",
    "EmailTaken",
    "PhoneRecord",
    "PhoneTaken",
    "PlaceRecord",
    "PlaceTaken",
    "SessionRecord",
    "TriesRecord",
    "UserRecord",
    "UserSessionRecord",
    "add",
    "add_session",
    "add_visit",
    "challenge",
    "claim_address",
    "count",
    "count_first_log_in",
    "count_log_in",
    "count_try",
    "displace",
    "end",
    "find",
    "find_all",
    "find_by_address",
    "find_challenge",
    "find_session",
    "folded",
    "forget",
    "forget_log_ins",
    "free_address",
    "get",
    "is_counted",
    "keeps_password",
    "log_in_count_ends",
    "nobody",
    "people_pk",
    "places_of",
    "rotate",
    "save",
    "sessions_of",
    "sign_out",
    "staff_pk",
    "take_over",
    "unchanged",
    "use_up",
]
