"""What was sent to an endpoint, and sending something for the asking."""

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.webhooks import store
from chalicelib.webhooks.model import TEST, Delivery
from chalicelib.webhooks.payloads import TestData
from chalicelib.webhooks.service.announcing import due, encoded, new_delivery


def deliveries(actor: Principal, endpoint: str, request: PageRequest) -> Page[Delivery]:
    """The newest first. Raises NotFound."""
    store.get_endpoint(actor.organization, endpoint)
    return store.deliveries(actor.organization, endpoint, request)


def delivery(actor: Principal, endpoint: str, id: str) -> Delivery:
    """Raises NotFound."""
    store.get_endpoint(actor.organization, endpoint)
    return store.get_delivery(actor.organization, endpoint, id)


def test(actor: Principal, id: str) -> Delivery:
    """Send something that tells nothing, once, whether the endpoint is on or off. Raises NotFound."""
    endpoint, at = store.get_endpoint(actor.organization, id), clock.now()
    body = encoded(TEST, TestData.version, at, TestData(endpoint_id=endpoint.id).model_dump(mode="json"))
    made = new_delivery(endpoint, ids.new("dlv"), TEST, body)
    transact(store.add_delivery(made), outbox.publish(due(made)))
    return made


def replay(actor: Principal, endpoint_id: str, id: str) -> Delivery:
    """Send it again, now, under the same webhook-id, and from the first try on.

    Raises NotFound, Conflict `webhook_disabled`, and where it is being called at this moment.
    """
    endpoint = store.get_endpoint(actor.organization, endpoint_id)
    was = store.get_delivery(actor.organization, endpoint.id, id)
    if not endpoint.enabled and not was.is_test:
        raise Conflict("webhook_disabled", "Nothing is sent to a webhook that is off. Switch it on first.")
    again = was.again(clock.now())
    noted = audit.entry(
        actor, action="webhook.replayed", entity="webhook", entity_id=endpoint.id, after={"delivery": was.id}
    )
    transact(store.save_delivery(again, was=was), outbox.publish(due(again)), noted)
    return store.get_delivery(actor.organization, endpoint.id, id)
