"""Keys that several of the files share."""

import unicodedata


def user_pk(organization: str, user_id: str) -> str:
    return f"T#{organization}#USR#{user_id}"


def people_pk(organization: str) -> str:
    return f"T#{organization}#PEOPLE"


def staff_pk(organization: str) -> str:
    return f"T#{organization}#STAFF"


def folded(text: str) -> str:
    """As it is searched for: one spelling of each letter, large or small."""
    return unicodedata.normalize("NFKC", text).casefold()
