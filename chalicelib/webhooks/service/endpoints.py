"""What staff do with the endpoints of their organization."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.settings import settings
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.webhooks import addresses, signing, store
from chalicelib.webhooks.model import MOST_FORMER, Endpoint, Revealed
from chalicelib.webhooks.registry import TYPES


def create(actor: Principal, *, url: str, events: Sequence[str], description: str, enabled: bool) -> Revealed:
    """An endpoint and its secret, which is told only now.

    Raises Invalid for a URL that is not called and for events that there are none of, Conflict `too_many_webhooks`.
    """
    now, secret, id = clock.now(), signing.new_secret(), ids.new("whk")
    made = Endpoint(
        id=id,
        organization=actor.organization,
        url=_callable(url),
        events=_known(events),
        description=description,
        secret=sealing.seal(actor.organization, purpose(id), secret),
        created_at=now,
    )
    endpoint = made.switched(enabled, now)
    transact(*store.add_endpoint(endpoint), _noted(actor, "created", endpoint, None, _told(endpoint)))
    return Revealed(endpoint, secret)


def listed(actor: Principal, request: PageRequest) -> Page[Endpoint]:
    return store.listed(actor.organization, request)


def find(actor: Principal, endpoint: str) -> Endpoint:
    """Raises NotFound."""
    return store.get_endpoint(actor.organization, endpoint)


def change(
    actor: Principal,
    id: str,
    *,
    url: str | None,
    events: Sequence[str] | None,
    description: str | None,
    enabled: bool | None,
) -> Endpoint:
    """What is None stays. One that is switched on again starts with a clean slate.

    Raises NotFound, Invalid as `create`, Conflict where somebody changed it at this moment.
    """
    was = store.get_endpoint(actor.organization, id)
    now = replace(
        was,
        url=was.url if url is None else _callable(url),
        events=was.events if events is None else _known(events),
        description=was.description if description is None else description,
    )
    if enabled is not None:
        now = now.switched(enabled, clock.now())
    if now == was:
        return was
    fresh = [store.forget_failures(was.organization, id)] if now.enabled and not was.enabled else []
    transact(store.save_endpoint(now, was=was), _noted(actor, "changed", now, _told(was), _told(now)), *fresh)
    return store.get_endpoint(actor.organization, id)


def rotate(actor: Principal, id: str) -> Revealed:
    """A new secret, told only now; the one before signs, too, for a day.

    Raises NotFound, Conflict `rotated_too_often` while three from before still sign.
    """
    was, at, secret = store.get_endpoint(actor.organization, id), clock.now(), signing.new_secret()
    if len(was.signing(at)) >= MOST_FORMER:
        raise Conflict("rotated_too_often", "Three secrets from before still sign. Wait until one does not.")
    now = was.rotated(sealing.seal(was.organization, purpose(id), secret), at)
    transact(store.save_endpoint(now, was=was), _noted(actor, "secret_rotated", now, None, {"rotated_at": at}))
    return Revealed(store.get_endpoint(actor.organization, id), secret)


def remove(actor: Principal, id: str) -> None:
    """Nothing is sent there any more, and what was sent can not be looked at. Raises NotFound."""
    endpoint = store.get_endpoint(actor.organization, id)
    transact(*store.remove_endpoint(endpoint), _noted(actor, "deleted", endpoint, _told(endpoint), None))


def secrets_of(endpoint: Endpoint) -> list[str]:
    """Those that sign, the newest first. Raises NotSealed where the stage's key is gone."""
    sealed = [endpoint.secret, *(former.secret for former in endpoint.signing(clock.now()))]
    return [sealing.unseal(endpoint.organization, purpose(endpoint.id), each) for each in sealed]


def purpose(endpoint: str) -> str:
    """What a sealed secret is, and whose."""
    return f"webhook#{endpoint}"


def _callable(url: str) -> str:
    addresses.place_of(url, local=settings().local_receivers)
    return url


def _known(events: Sequence[str]) -> tuple[str, ...]:
    for name in events:
        if name not in TYPES:
            raise Invalid("unknown_event", "There is no such event.", field="events")
    return tuple(sorted(set(events)))


def _told(endpoint: Endpoint) -> dict[str, Any]:
    """What the log of changes keeps: of a URL the host, for the rest may open something."""
    host = addresses.place_of(endpoint.url, local=True).host
    return {"host": host, "events": endpoint.events, "enabled": endpoint.enabled, "description": endpoint.description}


def _noted(
    actor: Principal, what: str, endpoint: Endpoint, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Write:
    return audit.entry(
        actor, action=f"webhook.{what}", entity="webhook", entity_id=endpoint.id, before=before, after=after
    )
