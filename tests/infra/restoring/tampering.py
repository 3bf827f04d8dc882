"""How a test looks at what is stored, and tampers with it."""

from typing import Any

from tests.stack import client

PREFIX = "thepixstock-test"


def stored(domain: str, key: str) -> list[dict[str, Any]]:
    """The items of a table whose pk or sk has `key` in it."""
    items = client("dynamodb").scan(TableName=f"{PREFIX}-{domain}")["Items"]
    return [item for item in items if key in item["pk"]["S"] + " " + item["sk"]["S"]]


def put(domain: str, item: dict[str, Any], **values: Any) -> None:
    client("dynamodb").put_item(TableName=f"{PREFIX}-{domain}", Item=item | values)


def lose(domain: str, item: dict[str, Any]) -> None:
    client("dynamodb").delete_item(TableName=f"{PREFIX}-{domain}", Key={"pk": item["pk"], "sk": item["sk"]})


def first(domain: str, key: str) -> dict[str, Any]:
    return stored(domain, key)[0]


def more(item: dict[str, Any], name: str, by: int = 1) -> dict[str, Any]:
    return {name: {"N": str(int(item[name]["N"]) + by)}}
