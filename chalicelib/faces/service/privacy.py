"""What is kept of somebody who looked for themselves."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import storage
from chalicelib.faces import store
from chalicelib.faces.service import blocking


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    searches = [store.find_search(organization, id) for id in store.searches_of(organization, user)]
    blocks = [store.find_block(organization, index, id) for index, id in store.blocks_of(organization, user)]
    return {
        "searches": [
            {"event": search.event, "wording": search.wording, "consented_at": search.consented_at}
            for search in searches
            if search is not None
        ],
        "blocks": [{"event": block.event, "at": block.at} for block in blocks if block is not None],
    }


def erase_person(organization: str, user: str) -> None:
    """Forget somebody's searches, what they found, their pictures and blocked faces. May run again."""
    for id in store.searches_of(organization, user):
        search = store.find_search(organization, id)
        if search is not None:
            storage.delete("documents", search.selfie_key)
        store.forget_search(organization, user, id)
    blocking.lift_all(organization, user)
