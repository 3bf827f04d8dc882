"""Faces.

| access                                | key                                                              |
|---------------------------------------|------------------------------------------------------------------|
| what is recognized at an event        | pk T#{org}#EVT#{event} / sk -                                    |
| what was seen in a photo              | pk T#{org}#FIX#{index} / sk PHOTO#{photo}                        |
| who is blocked from an index          | pk T#{org}#FIX#{index} / sk BLOCK#{id}                           |
| groups of an index                    | pk T#{org}#FIX#{index} / sk GROUP#{id}                           |
| who is told of photos that show them  | pk T#{org}#FIX#{index} / sk WATCH#{id}                           |
| when they are looked for              | pk T#{org}#FIX#{index} / sk ROUND#{time}                         |
| what people said of what was found    | pk T#{org}#FIX#{index} / sk FEEDBACK#{search}#{photo}            |
| one search                            | pk T#{org}#FSR#{id} / sk -                                       |
| its photos, the best first            | pk T#{org}#FSR#{id} / sk MATCH#{place}                           |
| searches of a user, or for a watch    | pk T#{org}#USR#{user or watch} / sk SEARCH#{id}                  |
| a user's blocks                       | pk T#{org}#USR#{user} / sk BLOCK#{index}#{id}                    |
| indexes and selfies whose time is up  | due G#DUE#{faces,selfie}#{0-3} / time#org#event or search        |
| rounds whose time has come            | due G#DUE#watch#{0-3} / time#org#index                           |

There are no vectors here: those lie sealed in storage, or with Rekognition. Nothing of an index stays behind its end;
searches go after a day.
"""

from chalicelib.faces.store.blocks import (
    BlockRecord,
    OwnBlockRecord,
    add_block,
    blocks,
    blocks_of,
    find_block,
    get_block,
    remove_block,
    save_block,
)
from chalicelib.faces.store.forgetting import forget_index
from chalicelib.faces.store.groups import FeedbackRecord, GroupRecord, find_group, groups, note_feedback, save_group
from chalicelib.faces.store.recognized import (
    Due,
    RecognitionRecord,
    SeenRecord,
    find_seen,
    indexes_due,
    recognition,
    remove_seen,
    save_recognition,
    save_seen,
    still,
)
from chalicelib.faces.store.searches import (
    MatchRecord,
    OwnSearchRecord,
    SearchRecord,
    add_search,
    find_search,
    forget_search,
    matches,
    put_matches,
    save_search,
    searches_of,
    selfies_due,
)
from chalicelib.faces.store.watches import (
    Round,
    RoundRecord,
    WatchRecord,
    add_watch,
    find_watch,
    forget_watch,
    has_watches,
    put_round,
    remove_round,
    rounds_due,
    save_watch,
    watches,
)

__all__ = [
    "BlockRecord",
    "Due",
    "FeedbackRecord",
    "GroupRecord",
    "MatchRecord",
    "OwnBlockRecord",
    "OwnSearchRecord",
    "RecognitionRecord",
    "Round",
    "RoundRecord",
    "SearchRecord",
    "SeenRecord",
    "WatchRecord",
    "add_block",
    "add_search",
    "add_watch",
    "blocks",
    "blocks_of",
    "find_block",
    "find_group",
    "find_search",
    "find_seen",
    "find_watch",
    "forget_index",
    "forget_search",
    "forget_watch",
    "get_block",
    "groups",
    "has_watches",
    "indexes_due",
    "matches",
    "note_feedback",
    "put_matches",
    "put_round",
    "recognition",
    "remove_block",
    "remove_round",
    "remove_seen",
    "rounds_due",
    "save_block",
    "save_group",
    "save_recognition",
    "save_search",
    "save_seen",
    "save_watch",
    "searches_of",
    "selfies_due",
    "still",
    "watches",
]
