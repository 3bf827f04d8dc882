"""The packaged app, deployed by the operator's own commands into an emulator that runs its functions."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infra.local.client import Person, until
from infra.local.emulator import start_emulator
from infra.local.mailbox import Mail, sent_mails
from infra.local.paynoi import PayNoiSandbox
from infra.local.people import LogIn
from infra.local.stack import emulator_client

ROOT = Path(__file__).resolve().parents[3]
T = TypeVar("T")
PLACE = ("--stage", "test", "--region", "us-east-1")


@dataclass
class Operator:
    """Somebody at the terminal, whose AWS is the emulator."""

    endpoint: str

    def run(self, module: str, *words: str, expect: int = 0) -> str:
        """What the command says, on both streams."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "NO_PROXY": "127.0.0.1",
        }
        command = [sys.executable, "-m", module, *words]
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == expect, said
        return said

    def at(self, module: str, *words: str, expect: int = 0) -> str:
        return self.run(module, *words, *PLACE, "--endpoint", self.endpoint, expect=expect)


@dataclass
class Deployed:
    """The stage `test`: what `Journey` needs of a system, and what its making said."""

    url: str
    endpoint: str
    paynoi: PayNoiSandbox
    operator: Operator
    said: dict[str, str]

    def mails(self) -> list[Mail]:
        return sent_mails(self.endpoint)

    def client(self, service: str) -> Any:
        return emulator_client(service, self.endpoint)

    def queue(self, name: str) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName=f"thepixstock-test-{name}")["QueueUrl"]
        return url

    def soon(self, look: Callable[[], T | None], what: str) -> T:
        """What `look` finds; the limit is there to end a broken test, not to measure."""
        return until(look, what, 120, time.sleep)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = tmp_path_factory.mktemp("deployment")
    package, account = home / "package", home / "paynoi.json"
    api_key = secrets.token_urlsafe(32)
    account.write_text(json.dumps({"api_key": api_key, "key_id": "1", "account": "0800000000", "type": "1"}))
    emulator = start_emulator(home / "emulator")
    try:
        operator = Operator(emulator.endpoint)
        said = {"package": operator.run("infra.package", "--smoke", "--into", str(package))}
        values = [
            "MailFrom=photos@thepixstock.example",
            "AllowedOrigins=http://localhost:3000",
            "UploadsVisibilityTimeout=20",  # the second deploy of the app may kill a function at work
            "EmailsVisibilityTimeout=20",
        ]
        given = [word for value in values for word in ("--parameter", value)]
        said["data"] = operator.at("infra.deploy", "account", "data", *given)
        app = ("app", "--package", str(package), "--parameter", "PayNoiUrl=http://127.0.0.1:9")
        said["no secret"] = operator.at("infra.deploy", *app, expect=1)
        said["secret"] = operator.at("infra.put_secret", "--paynoi", str(account))
        said["app"] = operator.at("infra.deploy", *app)

        # As on AWS, the API's address is known once it stands; here it is not the one that AWS would give it.
        gateway = emulator_client("apigateway", emulator.endpoint)
        (api,) = gateway.get_rest_apis()["items"]
        url = f"{emulator.endpoint}/restapis/{api['id']}/api/_user_request_"
        paynoi = PayNoiSandbox(api_key, f"{url}/payments/webhook", state=home / "paynoi-state.json", stage="test")
        paynoi.start()
        (live,) = emulator_client("apigatewayv2", emulator.endpoint).get_apis()["Items"]
        live_url = f"{emulator.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{live['ApiId']}/api"
        values = [f"ApiUrl={url}", f"PayNoiUrl={paynoi.url}", f"LiveUrl={live_url}"]
        addresses = [word for value in values for word in ("--parameter", value)]
        said["usual"] = operator.at("infra.deploy", "--package", str(package), *addresses)
        yield Deployed(url, emulator.endpoint, paynoi, operator, said)
        paynoi.stop()
    finally:
        emulator.stop()


def registered(deployed: Deployed, email: str) -> LogIn:
    """Somebody who registered and proved the address with the mailed code."""
    password = secrets.token_urlsafe(12)
    person = Person(deployed.url, email)
    person.post("/auth/register", {"email": email, "password": password, "name": "Somebody"}, expect=202)
    mail = deployed.soon(lambda: next((mail for mail in deployed.mails() if mail.is_to(email)), None), "the code")
    code = re.search(r"\b\d{6}\b", mail.text)
    assert code
    person.holding(person.post("/auth/verify", {"email": email, "code": code[0], "password": password}))
    return LogIn("customer", email, password, person.get("/auth/me")["id"])


@pytest.fixture(scope="session")
def people(deployed: Deployed) -> dict[str, LogIn]:
    """The admin was made one by the operator and made the photographer one."""
    admin, photographer = (registered(deployed, f"{role}@example.com") for role in ("admin", "photographer"))
    deployed.operator.at("infra.make_admin", admin.email)
    session = Person(deployed.url, "admin").log_in(admin.email, admin.password)
    session.put(f"/users/{photographer.user}/roles", {"roles": ["photographer"]})
    return {"admin": admin, "photographer": photographer}
