import json
import re
from typing import Any

import pytest

from chalicelib.core import openapi
from chalicelib.core.auth import PUBLIC
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Input, Output
from tests.core import lamps
from tests.core.lamps import People


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(lamps.api(People()), title="Lamps", version="1.2.0", description="Light.")


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def schema_of(document: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    assert set(reference) == {"$ref"}
    schema: dict[str, Any] = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
    return schema


def data_of(operation: dict[str, Any], status: str = "200") -> dict[str, Any]:
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    data: dict[str, Any] = schema["properties"]["data"]
    return data


def test_the_frame(document):
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Lamps", "version": "1.2.0", "description": "Light."}
    assert document["tags"] == [{"name": "lamps"}]


def test_it_is_json(document):
    assert json.loads(json.dumps(document)) == document


def test_every_route_but_the_hidden_ones_is_told(operations):
    assert set(operations) == {f"{route.method} {route.path}" for route in lamps.routes.routes if route.path != "/hook"}


def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    found = set(re.findall(r'"\$ref": "(.*?)"', text))

    assert found == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_operations_are_named_once(operations):
    names = [operation["operationId"] for operation in operations.values()]

    assert len(set(names)) == len(names)
    assert operations["GET /lamps/{id}"]["operationId"] == "lamps.read_lamp"


def test_every_path_variable_is_declared(operations):
    for name, operation in operations.items():
        declared = [each for each in operation["parameters"] if each["in"] == "path"]
        assert [each["name"] for each in declared] == re.findall(r"\{(.*?)\}", name), name
        assert all(each["required"] and each["schema"]["type"] == "string" for each in declared), name


def test_no_parameter_is_declared_twice(operations):
    for name, operation in operations.items():
        places = [(each["in"], each["name"]) for each in operation["parameters"]]
        assert len(set(places)) == len(places), name


def test_every_operation_has_what_the_standard_asks_for(operations):
    for name, operation in operations.items():
        assert operation["responses"], name
        assert all("description" in response for response in operation["responses"].values()), name
        assert all({"name", "in", "schema"} <= each.keys() for each in operation["parameters"]), name


def test_the_docstring_is_the_description(operations):
    assert operations["GET /lamps"]["summary"] == "Lamps, brightest first."
    assert operations["GET /lamps"]["description"] == "Two of them at most."
    assert "description" not in operations["GET /lamps/{id}"]


def test_aliases_are_listed(operations):
    assert operations["GET /lamps/{id}"]["x-aliases"] == ["GET /lamp/{id}"]
    assert operations["PUT /lamps/{id}"]["x-aliases"] == ["POST /lamps/{lamp}", "POST /lamp/{x}/edit", "PUT /lamp/{x}"]
    assert "x-aliases" not in operations["DELETE /lamps/{id}"]


def test_permissions_are_told(operations):
    assert operations["DELETE /lamps/{id}"]["x-permission"] == "lamp.break"
    assert operations["DELETE /lamps/{id}"]["security"] == [{"bearer": []}]
    assert {} in operations["GET /lamps"]["security"]


def test_a_route_that_looks_at_no_token_asks_for_none(operations):
    assert operations["GET /anybody"]["security"] == []


def test_every_security_scheme_is_declared(document, operations):
    used = {name for operation in operations.values() for each in operation["security"] for name in each}

    assert used == set(document["components"]["securitySchemes"])


def test_a_body_is_described_by_its_schema(document, operations):
    body = operations["POST /lamps"]["requestBody"]
    schema = schema_of(document, body["content"]["application/json"]["schema"])

    assert body["required"] is True
    assert schema["required"] == ["name", "lightOutput"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"name", "lightOutput", "weight", "colour", "shades"}


def test_a_body_without_required_fields_may_be_left_out(operations):
    assert operations["PUT /lamps/{id}"]["requestBody"]["required"] is False


def test_an_answer_is_described_in_its_envelope(document, operations):
    operation = operations["GET /lamps/{id}"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]

    assert set(schema["required"]) == set(schema["properties"])
    assert set(schema_of(document, data_of(operation))["properties"]) == {
        "id", "lightOutput", "boughtAt", "colour", "note",
    }  # fmt: skip


def test_a_list_is_described_as_a_page(document, operations):
    data = data_of(operations["GET /lamps"])

    assert data["required"] == ["items", "pageSize", "nextCursor", "hasMore", "totalCount"]
    assert schema_of(document, data["properties"]["items"]["items"])["title"] == "Lamp"


def test_one_page_schema_is_not_mixed_up_with_another(operations):
    openapi.document(lamps.api(People()), title="again", version="1", description="")

    assert "items" not in openapi._PAGE["properties"]
    assert "data" not in openapi._ENVELOPE["properties"]


def test_statuses_follow_the_routes(operations):
    statuses = {name: next(iter(operation["responses"])) for name, operation in operations.items()}

    assert statuses["POST /lamps"] == "201"
    assert statuses["DELETE /lamps/{id}"] == "204"
    assert "content" not in operations["DELETE /lamps/{id}"]["responses"]["204"]


def test_every_operation_can_be_refused(operations):
    for name, operation in operations.items():
        for status in ("4XX", "503"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}, name


def test_a_page_of_another_type_says_so(operations):
    assert list(operations["GET /leaflet"]["responses"]["200"]["content"]) == ["text/html"]


def test_a_query_is_described_field_by_field(document, operations):
    parameters = {each["name"]: each for each in operations["GET /lamps"]["parameters"]}

    assert set(parameters) == {"pageSize", "cursor", "page", "colour"}
    assert {each["in"] for each in parameters.values()} == {"query"}
    assert parameters["pageSize"]["schema"] == {"default": 20, "maximum": 100, "minimum": 1, "type": "integer"}
    assert {"$ref": "#/components/schemas/Colour"} in parameters["colour"]["schema"]["anyOf"]


def test_a_required_query_is_required(operations):
    [how] = operations["GET /broken"]["parameters"]

    assert (how["name"], how["required"]) == ("how", True)


def test_a_required_header_is_told(operations):
    assert operations["POST /orders"]["parameters"] == [
        {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}
    ]


def test_two_domains_may_name_a_schema_alike():
    one, other = Routes("one"), Routes("other")
    first = type("Thing", (Output,), {"__annotations__": {"a": int}, "__module__": "one"})
    second = type("Thing", (Output,), {"__annotations__": {"b": int}, "__module__": "other"})
    third = type("Thing", (Input,), {"__annotations__": {"c": int}, "__module__": "third"})

    def post(body: Any) -> None:
        """Post."""

    post.__annotations__["body"] = third
    one.get("/one", permission=PUBLIC, returns=first)(lambda: None)
    other.get("/other", permission=PUBLIC, returns=second)(lambda: None)
    other.post("/other", permission=PUBLIC)(post)

    document = openapi.document(lamps.api(People(), one, other), title="t", version="1", description="")

    told = [
        set(schema_of(document, data_of(document["paths"][path]["get"]))["properties"]) for path in ("/one", "/other")
    ]
    assert told == [{"a"}, {"b"}]
    body = document["paths"]["/other"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema_of(document, body)["properties"]) == {"c"}
