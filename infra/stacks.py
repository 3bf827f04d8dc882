"""One CloudFormation stack: created or updated by a change set, with every step told."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef, StackTypeDef

INLINE = 51_200  # bytes of a template that CloudFormation takes without S3
SECONDS = 3600.0  # the longest wait for one stack: tables and distributions take minutes
_UNCHANGED = ("didn't contain changes", "No updates are to be performed")


class DeployFailed(RuntimeError):
    """CloudFormation refused or rolled back; the text quotes its reasons."""


class MissingParameters(DeployFailed):
    """The template has parameters without a value: `names`."""

    def __init__(self, stack: str, names: list[str]) -> None:
        super().__init__(f"{stack} needs " + " ".join(f"--parameter {name}=..." for name in names))
        self.names = names


@dataclass(frozen=True)
class Template:
    """Its text, and where CloudFormation finds it when it is longer than INLINE."""

    body: str
    url: str | None = None

    @classmethod
    def of(cls, file: Path) -> "Template":
        return cls(file.read_text())

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """As they are declared, by name."""
        # BaseLoader looks at no tag, so it takes CloudFormation's !Ref and the like as text.
        read = json.loads(self.body) if self.body.startswith("{") else yaml.load(self.body, yaml.BaseLoader)  # noqa: S506
        declared: dict[str, dict[str, Any]] = read.get("Parameters", {})
        return declared

    @property
    def source(self) -> dict[str, Any]:
        return {"TemplateURL": self.url} if self.url else {"TemplateBody": self.body}


def _say(line: str) -> None:
    print(line, flush=True)


def outputs_of(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """What the stack tells, or nothing while there is none."""
    found = _find(cloudformation, stack)
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])} if found else {}


def deploy_stack(
    cloudformation: "CloudFormationClient",
    stack: str,
    template: Template,
    values: Mapping[str, str],
    tell: Callable[[str], object] = _say,
    pause: float = 2.0,
) -> dict[str, str]:
    """Create the stack or bring it up to date; returns its outputs. Raises DeployFailed.

    Of `values` each parameter of the template takes the one of its name; a parameter without one keeps what the stack
    has, or takes its default. `pause` is in seconds between two looks.
    """
    current = _find(cloudformation, stack)
    if current and current["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        tell(f"{stack}: removing what a failed creation left")
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
        current = None
    is_new = current is None or current["StackStatus"] == "REVIEW_IN_PROGRESS"
    known = set() if is_new or current is None else {given["ParameterKey"] for given in current.get("Parameters", [])}
    parameters = _parameters(stack, template, values, known)
    change_set = f"deploy-{secrets.token_hex(6)}"
    try:
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=change_set,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],  # roles; loops of AWS::LanguageExtensions
            **template.source,
        )
    except ClientError as refusal:
        raise DeployFailed(f"{stack}: {refusal}") from refusal
    if not _has_changes(cloudformation, stack, change_set, tell, pause):
        tell(f"{stack}: nothing to change")
        return outputs_of(cloudformation, stack)

    seen = {event["EventId"] for event in _events(cloudformation, stack)}
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    status = _wait(cloudformation, stack, seen, tell, pause)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployFailed("\n".join([f"{stack} ended as {status}.", *_reasons(cloudformation, stack, seen)]))
    return outputs_of(cloudformation, stack)


def delete_stack(
    cloudformation: "CloudFormationClient", stack: str, tell: Callable[[str], object] = _say, pause: float = 2.0
) -> list[str]:
    """Delete the stack if it stands; returns what of it stays, as type and name. Raises DeployFailed."""
    current = _find(cloudformation, stack)
    if current is None:
        tell(f"{stack}: is not there")
        return []
    if current.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    identity = current["StackId"]  # a deleted stack is known by this only
    seen = {event["EventId"] for event in _events(cloudformation, identity)}
    cloudformation.delete_stack(StackName=stack)
    status = _wait(cloudformation, identity, seen, tell, pause)
    if status != "DELETE_COMPLETE":
        raise DeployFailed("\n".join([f"{stack} ended as {status}.", *_reasons(cloudformation, identity, seen)]))
    return [
        f"{event['ResourceType']} {event['PhysicalResourceId']}"
        for event in _events(cloudformation, identity)
        if event["EventId"] not in seen and event["ResourceStatus"] == "DELETE_SKIPPED"
    ]


def _find(cloudformation: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as refusal:
        if "does not exist" in str(refusal):
            return None
        raise


def _parameters(stack: str, template: Template, values: Mapping[str, str], known: set[str]) -> "list[ParameterTypeDef]":
    chosen: list[ParameterTypeDef] = []
    missing = []
    for name, declared in template.parameters.items():
        if name in values:
            chosen.append({"ParameterKey": name, "ParameterValue": values[name]})
        elif name in known:
            chosen.append({"ParameterKey": name, "UsePreviousValue": True})
        elif "Default" not in declared:
            missing.append(name)
    if missing:
        raise MissingParameters(stack, missing)
    return chosen


def _has_changes(
    cloudformation: "CloudFormationClient",
    stack: str,
    change_set: str,
    tell: Callable[[str], object],
    pause: float,
) -> bool:
    """Wait until the change set is computed, and tell what it would do."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if not found["Status"].endswith(("PENDING", "IN_PROGRESS")):
            break
        if time.monotonic() > deadline:
            raise DeployFailed(f"{stack}: the change set is not ready after {SECONDS:.0f} s")
        time.sleep(pause)
    if found["Status"] == "FAILED":
        reason = found.get("StatusReason", "no reason given")
        cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
        if any(words in reason for words in _UNCHANGED):
            return False
        raise DeployFailed(f"{stack}: {reason}")
    changes = [entry["ResourceChange"] for entry in found.get("Changes", []) if "ResourceChange" in entry]
    for action in ("Add", "Modify", "Remove"):
        names = [change["LogicalResourceId"] for change in changes if change["Action"] == action]
        if names:
            tell(f"{stack}: {action.lower()} {len(names)}: {', '.join(sorted(names))}")
    for change in changes:
        if change.get("Replacement") == "True":
            tell(f"{stack}: {change['LogicalResourceId']} will be REPLACED")
    return True


def _wait(
    cloudformation: "CloudFormationClient", stack: str, seen: set[str], tell: Callable[[str], object], pause: float
) -> str:
    """Tell each event that is not in `seen`, until the stack rests; returns its status."""
    told = set(seen)
    started = time.monotonic()
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        for event in _events(cloudformation, stack):
            if event["EventId"] not in told:
                told.add(event["EventId"])
                tell(f"  {time.monotonic() - started:6.0f} s  {_line(event)}")
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found["StackStatus"]
        if time.monotonic() - started > SECONDS:
            raise DeployFailed(f"{stack} is still {found['StackStatus']} after {SECONDS:.0f} s")
        time.sleep(pause)


def _events(cloudformation: "CloudFormationClient", stack: str) -> "list[StackEventTypeDef]":
    """Oldest first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    return [event for page in pages for event in page["StackEvents"]][::-1]


def _line(event: "StackEventTypeDef") -> str:
    reason = event.get("ResourceStatusReason", "")
    line = f"{event.get('ResourceStatus', ''):28} {event.get('LogicalResourceId', '')}"
    return f"{line}  {reason}" if reason else line


def _reasons(cloudformation: "CloudFormationClient", stack: str, seen: set[str]) -> list[str]:
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in _events(cloudformation, stack)
        if event["EventId"] not in seen and "FAILED" in event.get("ResourceStatus", "")
    ]
