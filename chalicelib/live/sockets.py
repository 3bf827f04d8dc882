"""The edge of a websocket: API Gateway's events in, frames out.

Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import clock, live, log, table
from chalicelib.core.errors import AppError, Forbidden, Unavailable
from chalicelib.live import schemas, service
from chalicelib.live.schemas import Ping, Resume, Subscribe, Unsubscribe
from chalicelib.live.service import See

Event = Mapping[str, Any]
Answer = dict[str, Any]


def connect(event: Event) -> Answer:
    """$connect: what is not answered with 200 stays closed, and learns the status alone."""
    query = event.get("queryStringParameters") or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    with log.correlated(event["requestContext"]["requestId"]):
        try:
            service.connect(_connection(event), query.get("ticket", ""), headers.get("origin"))
        except Forbidden as refusal:
            log.info("not connected", code=refusal.code)
            return {"statusCode": 403}
        return {"statusCode": 200}


def message(event: Event, see: See) -> Answer:
    """$default: what a connection says is answered over the connection itself."""
    connection = _connection(event)
    with log.correlated(event["requestContext"]["requestId"]):
        try:
            answer = _answer(connection, event.get("body") or "", see)
        except AppError as refusal:
            answer = _refused(refusal)
        except Exception as failure:
            log.bug("message not answered", failure)
            if not table.is_busy(failure):
                raise  # API Gateway tells the client that something went wrong
            answer = _refused(Unavailable("unavailable", "We can not answer right now.", retry_after=2))
        live.push([connection], json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
        if answer.get("code") in service.LAST_WORDS:
            live.close(connection)
        log.info("message answered", code=answer.get("code"))
        return {"statusCode": 200}


def disconnect(event: Event) -> Answer:
    """$disconnect: API Gateway tries to say so, and promises nothing."""
    with log.correlated(event["requestContext"]["requestId"]):
        service.disconnect(_connection(event))
        return {"statusCode": 200}


def _answer(connection_id: str, text: str, see: See) -> Answer:
    connection = service.heard(connection_id)
    match schemas.read(text):
        case Ping():
            return {"type": "Pong", "at": clock.stamp(clock.now())}
        case Subscribe(group=name):
            group, cursor = service.subscribe(connection, name, see)
            return {"type": "Subscribed", "group": group, "cursor": clock.stamp(cursor)}
        case Unsubscribe(group=name):
            service.unsubscribe(connection, name)
            return {"type": "Unsubscribed", "group": name}
        case Resume(group=name) as asked:
            group, missed = service.resume(connection, name, asked.position, see)
            return {
                "type": "Resumed",
                "group": group,
                "facts": missed.facts,
                "cursor": clock.stamp(missed.cursor),
                "complete": missed.complete,
                "more": missed.more,
            }


def _refused(refusal: AppError) -> Answer:
    return {"type": "Error", "code": refusal.code, "message": refusal.message}


def _connection(event: Event) -> str:
    return str(event["requestContext"]["connectionId"])
