"""Deploying one stack by change sets, in the emulator: what is told, and what is refused with its reason."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.emulator import Emulator, start_emulator
from infra.local.stack import emulator_client
from infra.stacks import DeployFailed, MissingParameters, Template, delete_stack, deploy_stack, outputs_of

pytestmark = pytest.mark.system

TEMPLATE = """
Parameters:
  Name: {Type: String}
  Kept: {Type: Number, Default: 60}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Ref Name, VisibilityTimeout: !Ref Kept}
Outputs:
  QueueUrl: {Value: !Ref Queue}
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    running = start_emulator(tmp_path_factory.mktemp("home"))
    yield running
    running.stop()


@dataclass
class Deployer:
    """Deploys one stack of its own; `said` holds what was told."""

    cloudformation: Any
    stack: str = field(default_factory=lambda: f"stack-{secrets.token_hex(4)}")
    said: list[str] = field(default_factory=list)

    def __call__(self, template: str = TEMPLATE, **values: str) -> dict[str, str]:
        return deploy_stack(
            self.cloudformation, self.stack, Template(template), values, tell=self.said.append, pause=0.02
        )

    def delete(self) -> list[str]:
        return delete_stack(self.cloudformation, self.stack, tell=self.said.append, pause=0.02)


@pytest.fixture
def deploy(emulator: Emulator) -> Deployer:
    return Deployer(emulator_client("cloudformation", emulator.endpoint))


def queue_timeout(emulator, url):
    sqs = emulator_client("sqs", emulator.endpoint)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    return attributes["VisibilityTimeout"]


def test_a_new_stack_is_created_and_its_steps_are_told(deploy):
    outputs = deploy(Name=f"{deploy.stack}-q")

    assert outputs["QueueUrl"].endswith(f"{deploy.stack}-q")
    assert deploy.said[0] == f"{deploy.stack}: add 1: Queue"
    assert any("CREATE_COMPLETE" in line and line.endswith("Queue") for line in deploy.said)


def test_the_same_again_changes_nothing(deploy):
    first = deploy(Name=f"{deploy.stack}-q")
    deploy.said.clear()

    assert deploy(Name=f"{deploy.stack}-q") == first
    assert deploy.said == [f"{deploy.stack}: nothing to change"]


def test_a_value_that_is_not_given_again_is_kept(deploy, emulator):
    deploy(Name=f"{deploy.stack}-q", Kept="90")

    outputs = deploy(TEMPLATE.replace("Kept}", "Kept, DelaySeconds: 5}"))

    assert outputs["QueueUrl"].endswith(f"{deploy.stack}-q")
    assert queue_timeout(emulator, outputs["QueueUrl"]) == "90"


def test_values_that_the_template_does_not_ask_for_are_passed_over(deploy):
    assert deploy(Name=f"{deploy.stack}-q", Foreign="x")["QueueUrl"]


def test_a_missing_value_is_named_before_anything_is_made(deploy):
    with pytest.raises(MissingParameters, match="needs --parameter Name="):
        deploy()

    assert outputs_of(deploy.cloudformation, deploy.stack) == {}


def test_a_refused_resource_is_told_with_its_reason_and_can_be_mended(deploy):
    broken = TEMPLATE.replace("AWS::SQS::Queue", "AWS::Nobody::Knows")
    with pytest.raises(DeployFailed, match="AWS::Nobody::Knows"):
        deploy(broken, Name=f"{deploy.stack}-q")

    assert deploy(Name=f"{deploy.stack}-q")["QueueUrl"]


def test_a_deleted_stack_is_gone_and_what_it_must_not_take_along_is_told(deploy, emulator):
    kept = TEMPLATE.replace("AWS::SQS::Queue\n", "AWS::SQS::Queue\n    DeletionPolicy: Retain\n")
    url = deploy(kept, Name="retained")["QueueUrl"]
    deploy.said.clear()

    left = deploy.delete()

    assert left == [f"AWS::SQS::Queue {url}"]
    assert queue_timeout(emulator, url) == "60"
    assert outputs_of(deploy.cloudformation, deploy.stack) == {}
    assert any("DELETE_COMPLETE" in line for line in deploy.said)


def test_a_stack_that_is_not_there_is_deleted_without_ado(deploy):
    assert deploy.delete() == []
    assert deploy.said == [f"{deploy.stack}: is not there"]
