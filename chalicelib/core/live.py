"""Pushing text to open websocket connections, through API Gateway's management API.

A connection is named by the id that API Gateway gave it. What is pushed again after a failure arrives again: a message
must carry what its receiver knows it by.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from botocore.exceptions import ClientError

from chalicelib.core import aws

LARGEST_MESSAGE = 128 * 1024
"""Bytes: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

_AT_ONCE = 16
_GONE = "GoneException"


def push(connections: Sequence[str], text: str) -> list[str]:
    """Send one message to every connection; returns those that are not there any more.

    The others get it even where one fails. Then the first failure is raised, and all may be asked again.
    """
    if len(connections) < 2:  # a thread has its price
        return [id for id in connections if not _is_there(id, text)]
    with ThreadPoolExecutor(min(_AT_ONCE, len(connections))) as pool:
        sending = [pool.submit(copy_context().run, _is_there, id, text) for id in connections]
    return [id for id, sent in zip(connections, sending, strict=True) if not sent.result()]


def close(connection: str) -> None:
    """Hang up. One that is not there any more is closed already."""
    try:
        aws.client("apigatewaymanagementapi").delete_connection(ConnectionId=connection)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != _GONE:
            raise


def _is_there(connection: str, text: str) -> bool:
    try:
        aws.client("apigatewaymanagementapi").post_to_connection(ConnectionId=connection, Data=text.encode())
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != _GONE:
            raise
        return False
    return True
