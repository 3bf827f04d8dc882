"""Webhooks over HTTP, for who looks after an organization."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.webhooks import schemas, service

routes = Routes("webhooks")

_TEN_A_MINUTE = (10, 60)


@routes.get("/admin/webhooks", permission="webhook.manage", returns=schemas.Webhook, many=True)
def list_webhooks(principal: Principal, query: Paging) -> Page[schemas.Webhook]:
    """The organization's webhooks, the oldest first, without their secrets."""
    return service.listed(principal, query.request()).map(schemas.Webhook.of)


@routes.post(
    "/admin/webhooks", permission="webhook.manage", returns=schemas.RevealedWebhook, status=201, limit=(30, 60)
)
def create_webhook(principal: Principal, body: schemas.NewWebhook) -> schemas.RevealedWebhook:
    """Have events sent to an address. Its secret is shown only here."""
    made = service.create(
        principal, url=body.url, events=body.events, description=body.description, enabled=body.enabled
    )
    return schemas.RevealedWebhook.of(made.endpoint, secret=made.secret)


@routes.get("/admin/webhooks/events", permission="webhook.manage", returns=schemas.EventTypes)
def list_event_types() -> schemas.EventTypes:
    """The events that a webhook may be sent."""
    return schemas.EventTypes.known()


@routes.get("/admin/webhooks/{id}", permission="webhook.manage", returns=schemas.Webhook)
def read_webhook(principal: Principal, id: str) -> schemas.Webhook:
    """One webhook, without its secret."""
    return schemas.Webhook.of(service.find(principal, id))


@routes.put("/admin/webhooks/{id}", permission="webhook.manage", returns=schemas.Webhook)
def change_webhook(principal: Principal, id: str, body: schemas.WebhookChange) -> schemas.Webhook:
    """Change where it goes, what it is sent, or whether: switched on again it is sent what happens from then on."""
    changed = service.change(
        principal, id, url=body.url, events=body.events, description=body.description, enabled=body.enabled
    )
    return schemas.Webhook.of(changed)


@routes.delete("/admin/webhooks/{id}", permission="webhook.manage")
def delete_webhook(principal: Principal, id: str) -> None:
    """Send it nothing any more, and show nothing of what was sent."""
    service.remove(principal, id)


@routes.post(
    "/admin/webhooks/{id}/rotate", permission="webhook.manage", returns=schemas.RevealedWebhook, limit=_TEN_A_MINUTE
)
def rotate_secret(principal: Principal, id: str) -> schemas.RevealedWebhook:
    """A new secret, shown only here. For 24 hours the one before signs, too."""
    made = service.rotate(principal, id)
    return schemas.RevealedWebhook.of(made.endpoint, secret=made.secret)


@routes.post(
    "/admin/webhooks/{id}/test", permission="webhook.manage", returns=schemas.Delivery, status=202, limit=_TEN_A_MINUTE
)
def test_webhook(principal: Principal, id: str) -> schemas.Delivery:
    """Send `webhook.test`, once, whether the webhook is on or off. Its delivery says what came of it."""
    return schemas.Delivery.of(service.test(principal, id))


@routes.get("/admin/webhooks/{id}/deliveries", permission="webhook.manage", returns=schemas.Delivery, many=True)
def list_deliveries(principal: Principal, id: str, query: Paging) -> Page[schemas.Delivery]:
    """What was sent in the last 30 days, or is to be sent, the newest first."""
    return service.deliveries(principal, id, query.request()).map(schemas.Delivery.of)


@routes.get("/admin/webhooks/{id}/deliveries/{delivery}", permission="webhook.manage", returns=schemas.FullDelivery)
def read_delivery(principal: Principal, id: str, delivery: str) -> schemas.FullDelivery:
    """One delivery, with what is sent and what each call came to."""
    return schemas.FullDelivery.all_of(service.delivery(principal, id, delivery))


@routes.post(
    "/admin/webhooks/{id}/deliveries/{delivery}/replay",
    permission="webhook.manage",
    returns=schemas.Delivery,
    status=202,
    limit=(60, 60),
)
def replay_delivery(principal: Principal, id: str, delivery: str) -> schemas.Delivery:
    """Send it again under the same `webhook-id`, and from the first try on."""
    return schemas.Delivery.of(service.replay(principal, id, delivery))
