"""Which AWS an operator's command works on: profile, region, and the stacks of one stage."""

import argparse
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.stacks import DeployFailed, outputs_of

STACKS = ("account", "data", "app", "alarms", "edge")
"""In the order they are deployed: each may use the outputs of those before it."""


class NoAccess(RuntimeError):
    """There are no credentials or no region, or AWS refuses them; the text says what to do."""


@dataclass(frozen=True)
class Place:
    """One stage of one app in one account and region. `endpoint` is an emulator's, None is AWS."""

    app: str
    stage: str
    region: str | None = None
    profile: str | None = None
    endpoint: str | None = None

    @cached_property
    def session(self) -> boto3.Session:
        session = boto3.Session(profile_name=self.profile, region_name=self.region)
        if session.region_name is None:
            raise NoAccess("In which region? Say --region ap-southeast-1, or set one in your AWS profile.")
        return session

    @cached_property
    def account(self) -> str:
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as refusal:
            raise NoAccess(f"AWS does not know you ({refusal}). Try: aws sts get-caller-identity") from refusal

    def client(self, service: Any) -> Any:
        path_style = Config(s3={"addressing_style": "path"}) if self.endpoint else None
        return self.session.client(service, endpoint_url=self.endpoint, config=path_style)

    def stack(self, name: str) -> str:
        return f"{self.app}-account" if name == "account" else f"{self.app}-{self.stage}-{name}"

    def outputs(self) -> dict[str, str]:
        """What the stacks that stand tell, by name."""
        cloudformation = self.client("cloudformation")
        return {key: text for name in STACKS for key, text in outputs_of(cloudformation, self.stack(name)).items()}

    def words(self) -> str:
        """The options that lead to this place, for a command that a person is told to type."""
        given = {"--stage": self.stage, "--profile": self.profile, "--region": self.region, "--endpoint": self.endpoint}
        if self.app != "thepixstock":
            given["--app"] = self.app
        return " ".join(f"{name} {value}" for name, value in given.items() if value)


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", required=True, choices=["dev", "staging", "prod", "test"], help="which of them")
    command.add_argument("--app", default="thepixstock", help="the prefix of all names (%(default)s)")
    command.add_argument("--region", help="AWS region; the profile's if left out")
    command.add_argument("--profile", help="profile of ~/.aws/config; the environment's if left out")
    command.add_argument("--endpoint", metavar="URL", help="an emulator in place of AWS")


def place_of(wanted: argparse.Namespace) -> Place:
    return Place(wanted.app, wanted.stage, wanted.region, wanted.profile, wanted.endpoint)


def told(run: Any, *arguments: Any) -> int:
    """Run a command; what an operator can do something about is told without a traceback. The exit code."""
    try:
        run(*arguments)
    except (NoAccess, DeployFailed) as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as failure:
        print(f"\nAWS: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. CloudFormation finishes what it has begun; the same command goes on.", file=sys.stderr)
        return 130
    return 0
