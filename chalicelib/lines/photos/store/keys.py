"""What keys of photos are made of."""


def photo_pk(organization: str, photo_id: str) -> str:
    return f"T#{organization}#PHO#{photo_id}"


def event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"
