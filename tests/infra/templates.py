"""infra's templates as CloudFormation sees them: loops unrolled, functions answered, for one stage."""

import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.context.parameters import ParameterSet
from cfnlint.decode import decode
from cfnlint.template import Template

INFRA = Path(__file__).resolve().parents[2] / "infra"
GIVEN = {
    "App": "thepixstock",
    "Stage": "prod",
    "AllowedOrigins": "https://shop.example",
    "MailFrom": "photos@shop.example",
    "AlarmEmail": "operator@shop.example",
    "MessagesKeyArn": "MessagesKey.Arn",
    "PreviewsDistributionArn": "arn:aws:cloudfront::123456789012:distribution/PREVIEWS",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()


def template(name: str, **parameters: str) -> dict[str, Any]:
    """`name` of a file in infra/. A Ref to a resource stays its logical name, an attribute `Name.Attribute`."""
    return deepcopy(_read(name, tuple(parameters.items())))


@cache
def _read(name: str, parameters: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    file = str(INFRA / name)
    raw, problems = decode(file)
    assert not problems
    defaults = {key: spec["Default"] for key, spec in raw["Parameters"].items() if "Default" in spec}
    values = defaults | GIVEN | dict(parameters)
    unrolled = Template(file, raw, ["us-east-1"], [ParameterSet(source=None, parameters=values)])
    assert not unrolled.transform()
    body = unrolled.template
    conditions: dict[str, bool] = {}
    for key, condition in body.get("Conditions", {}).items():
        conditions[key] = _resolved(condition, values, conditions)
    resources = {
        key: resource
        for key, resource in body["Resources"].items()
        if conditions.get(resource.get("Condition", ""), True)
    }
    return {
        "Parameters": body["Parameters"],
        "Resources": _resolved(resources, values, conditions),
        "Outputs": _resolved(body["Outputs"], values, conditions),
    }


def _resolved(node: Any, values: dict[str, Any], conditions: dict[str, bool]) -> Any:
    if isinstance(node, list):
        items = [_resolved(item, values, conditions) for item in node]
        return [item for item in items if item is not _NOTHING]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((function, argument),) = node.items()
        if function == "Ref":
            return _NOTHING if argument == "AWS::NoValue" else values.get(argument, argument)
        if function == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(values.get(found[1], found[1])), argument)
        if function == "Fn::GetAtt":
            return argument if isinstance(argument, str) else ".".join(argument)
        if function == "Fn::If":
            condition, yes, no = argument
            return _resolved(yes if conditions[condition] else no, values, conditions)
        if function in ("Fn::Equals", "Fn::Not", "Fn::Or"):
            parts = _resolved(argument, values, conditions)
            return {"Fn::Equals": lambda: parts[0] == parts[1], "Fn::Not": lambda: not parts[0]}.get(
                function, lambda: any(parts)
            )()
    return {key: item for key, value in node.items() if (item := _resolved(value, values, conditions)) is not _NOTHING}


def of_type(body: dict[str, Any], kind: str) -> dict[str, Any]:
    """Logical name -> resource."""
    return {name: resource for name, resource in body["Resources"].items() if resource["Type"] == kind}


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a key's, bucket's, queue's or topic's policy."""
    properties = resource["Properties"]
    return properties.get("KeyPolicy", properties.get("PolicyDocument"))["Statement"]
