"""A dry walk of docs/deploy.md: its commands, in its order, as they stand there, with the emulator for AWS.

A command that the walk does not know fails: whoever adds one to the page says here what it is good for.
"""

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local.client import until
from infra.local.emulator import start_emulator
from infra.local.mailbox import sent_mails
from infra.local.paynoi import PayNoiSandbox
from infra.local.stack import emulator_client
from infra.package import Package, sha256
from tests.figures import Show
from tests.system.deployment.conftest import ROOT
from tests.system.local.shop import photo

pytestmark = pytest.mark.system

PAGE = ROOT / "docs" / "deploy.md"
Step = Callable[["Walk", str], None]


def commands(page: str) -> list[str]:
    """Each command of the page's blocks, its lines joined, without what is said about it."""
    blocks = re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    joined = re.sub(r"\\\n\s*", "", "".join(blocks))
    joined = re.sub(r"\n\s{4,}", " ", joined)  # a JSON text goes on in the next line
    return [line.partition("     #")[0].rstrip() for line in joined.splitlines() if line.strip()]


@dataclass
class Walk:
    """Somebody at a terminal. `known` holds what stands for the page's words in capitals, learnt from answers."""

    endpoint: str
    home: Path
    paynoi: PayNoiSandbox
    known: dict[str, str] = field(default_factory=dict)
    email: str = "you@example.com"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def run(self, command: str) -> str:
        """What the shell says of a command of the page."""
        return self._shell(self._meant(command))

    def said(self, command: str) -> Any:
        """The data of the answer to a curl of the page."""
        answer = json.loads(self.run(command))
        assert answer.get("success", True), f"{command}: {answer['error']}"
        return answer.get("data")

    @property
    def package(self) -> Package:
        return Package(self.home / "package")

    def deployed_code(self) -> str:
        """The SHA-256 of the code that the app stack names."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName="thepixstock-test-app")["Stacks"]
        (key,) = (given["ParameterValue"] for given in stack["Parameters"] if given["ParameterKey"] == "CodeKey")
        return Path(key).stem

    def client(self, service: str) -> Any:
        return emulator_client(service, self.endpoint)

    def mailed(self, address: str, wanted: str) -> str:
        """What the pattern finds in a mail to this address, once it is there."""

        def arrived() -> str | None:
            mails = [mail for mail in sent_mails(self.endpoint) if mail.is_to(address)]
            found = [match for mail in mails if (match := re.search(wanted, f"{mail.subject}\n{mail.text}"))]
            return found[-1][0] if found else None

        return until(arrived, f"a mail with {wanted}", 120, time.sleep)

    def _meant(self, command: str) -> str:
        place = f"--stage test --region us-east-1 --endpoint {self.endpoint}"
        text = re.sub(r"python3 -m infra ([a-z-]+)", lambda found: _module(found[1]), command)
        text = text.replace("--stage prod", place)
        text = re.sub(r"https://API-ID\.\S+?/api\b", self.known.get("API", "none"), text)
        text = text.replace("https://paynoi.example", self.paynoi.url).replace('"..."', f'"{self.password}"')
        text = text.replace("infra.put_secret", f"infra.put_secret --paynoi {self.home / 'paynoi.json'}")
        text = text.replace("infra.teardown", "infra.teardown --yes")
        text = text.replace("infra.deploy", f"infra.deploy --package {self.package.folder}")
        for word in sorted(self.known, key=len, reverse=True):
            text = re.sub(rf"(?<![\w$-]){word}(?![\w-])", self.known[word], text)
        return text

    def _shell(self, text: str) -> str:
        env = {name: os.environ[name] for name in ("PATH", "HOME")}
        env |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "NO_PROXY": "127.0.0.1"}
        env |= {name: self.known[name] for name in ("API", "TOKEN") if name in self.known}
        call = """call() { curl -sS -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" "$@"; }\n"""
        script = call + 'curl() { command curl -sS "$@"; }\n' + text
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout


def _module(command: str) -> str:
    return f"{sys.executable} -m infra.{command.replace('-', '_')}"


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    account = {"api_key": secrets.token_urlsafe(32), "key_id": "1", "account": "0800000000", "type": "1"}
    (tmp_path / "paynoi.json").write_text(json.dumps(account))
    emulator = start_emulator(tmp_path / "emulator")
    nowhere = "http://127.0.0.1:9/nobody"  # webhooks only hasten; who looks at a payment has the gateway asked
    paynoi = PayNoiSandbox(account["api_key"], nowhere, state=tmp_path / "charges.json", stage="test").start()
    try:
        yield Walk(emulator.endpoint, tmp_path, paynoi)
    finally:
        paynoi.stop()
        emulator.stop()


def test_every_command_of_the_page_is_known_to_the_walk():
    told = commands(PAGE.read_text())

    assert [command for command in told if step_of(command) is None] == []
    assert [start for start in STEPS if not any(start in command for command in told)] == []


@pytest.mark.proof
def test_every_command_of_the_page_works_in_its_order(walk: Walk, figure: Show):
    told = commands(PAGE.read_text())
    for command in told:
        step = step_of(command)
        assert step
        step(walk, command)

    text = "{commands} commands, from an empty account to the first sold photo, an upgrade, back, and down"
    figure("deployment", "docs/deploy.md can be followed", text, commands=len(told))


def step_of(command: str) -> Step | None:
    return next((step for start, step in STEPS.items() if start in command), None)


# --- what the page tells to do ------------------------------------------------------------------------------


def passed(walk: Walk, command: str) -> None:
    """Only AWS can answer it, or the walk does it by itself."""


def runs(walk: Walk, command: str) -> None:
    walk.run(command)


def package(walk: Walk, command: str) -> None:
    """The release is built; what is deployed here is the same for this machine."""
    if not walk.package.code.exists():
        walk.run(command)
        walk.run(f"python3 -m infra package --smoke --into {walk.package.folder}")


def deploy_app(walk: Walk, command: str) -> None:
    walk.run(command)
    (api,) = walk.client("apigateway").get_rest_apis()["items"]
    walk.known["API"] = f"{walk.endpoint}/restapis/{api['id']}/api/_user_request_"
    walk.run(f"python3 -m infra deploy --stage prod app --parameter ApiUrl={walk.known['API']}")


def health(walk: Walk, command: str) -> None:
    assert walk.said(command)["status"] == "healthy"


def refused(walk: Walk, command: str) -> None:
    assert "invalid_signature" in walk.run(command)


def verify(walk: Walk, command: str) -> None:
    walk.said(command.replace("123456", walk.mailed(walk.email, r"\b\d{6}\b")))


def log_in(walk: Walk, command: str) -> None:
    walk.known["TOKEN"] = walk.said(command)["accessToken"]


def give_role(walk: Walk, command: str) -> None:
    """To a photographer who registered in the same way."""
    other = {"email": "photographer@example.com", "password": walk.password}
    requests.post(f"{walk.known['API']}/auth/register", json=other | {"name": "P"}, timeout=60).raise_for_status()
    code = walk.mailed(other["email"], r"\b\d{6}\b")
    verified = requests.post(f"{walk.known['API']}/auth/verify", json=other | {"code": code}, timeout=60).json()["data"]
    known = {"Authorization": f"Bearer {verified['accessToken']}"}
    walk.known["USER-ID"] = requests.get(f"{walk.known['API']}/auth/me", headers=known, timeout=60).json()["data"]["id"]
    assert walk.said(command)["roles"] == ["photographer"]


def plan(walk: Walk, command: str) -> None:
    walk.known["EVENT-ID"] = walk.said(command)["id"]


def said(walk: Walk, command: str) -> None:
    walk.said(command)


def upload(walk: Walk, command: str) -> None:
    file = photo()
    walk.known |= {"SIZE": str(len(file.content)), "SHA-256": hashlib.sha256(file.content).hexdigest()}
    offered = walk.said(command)
    (entry,) = offered["files"]
    form = entry["upload"]
    requests.post(form["url"], data=form["fields"], files={"file": file.content}, timeout=60).raise_for_status()
    walk.known |= {"UPLOAD-ID": offered["id"], "PHOTO-ID": entry["photoId"]}
    look = "call $API/uploads/UPLOAD-ID"
    until(lambda: walk.said(look)["files"][0]["status"] == "ready" or None, "the photo", 120, time.sleep)


def fill_cart(walk: Walk, command: str) -> None:
    walk.known["CART-TOKEN"] = walk.said(command)["token"]


def order(walk: Walk, command: str) -> None:
    placed = walk.said(command)
    walk.known |= {"ORDER-ID": placed["id"], "ORDER-TOKEN": placed["token"]}


def pay(walk: Walk, command: str) -> None:
    payment = walk.said(command)
    walk.known["PAYMENT-ID"] = payment["id"]
    sandbox = f"{walk.paynoi.url}/_sandbox"
    found = requests.get(f"{sandbox}/transactions", params={"ref1": payment["id"]}, timeout=10).json()
    requests.post(f"{sandbox}/{found['transactions'][0]['trans_id']}/pay", json={}, timeout=10).raise_for_status()
    look = 'curl $API/payments/PAYMENT-ID/status -H "X-Order-Token: ORDER-TOKEN"'
    until(lambda: walk.said(look)["status"] == "captured" or None, "the payment", 120, time.sleep)
    assert walk.mailed(walk.email, r"http\S+/d/\S+")


def pull(walk: Walk, command: str) -> None:
    """A newer release: the code of today with one file more."""
    (walk.home / "before.zip").write_bytes(walk.package.code.read_bytes())
    with zipfile.ZipFile(walk.package.code, "a") as code:
        code.writestr("chalicelib/newer.py", "")


def go_back(walk: Walk, command: str) -> None:
    walk.package.code.write_bytes((walk.home / "before.zip").read_bytes())


def change(walk: Walk, command: str) -> None:
    walk.run(command)
    assert walk.deployed_code() == sha256(walk.package.code)
    health(walk, "curl $API/health")


def tear_down_data(walk: Walk, command: str) -> None:
    left = walk.run(command)
    tables = walk.client("dynamodb").list_tables()["TableNames"]
    assert "thepixstock-test-ledger" in left
    assert "thepixstock-test-ledger" in tables
    assert walk.client("lambda").list_functions()["Functions"] == []


STEPS: dict[str, Step] = {
    "export AWS_PROFILE": passed,
    "aws sts get-caller-identity": passed,
    "infra package --smoke": passed,
    "infra deploy --stage test": passed,
    "git pull": pull,
    "git checkout": go_back,
    "infra package": package,
    "infra deploy --stage prod account data": runs,
    "infra put-secret": runs,
    "infra deploy --stage prod app alarms": deploy_app,
    "infra deploy": change,
    "/api/health": health,
    "API=": passed,
    "/payments/webhook": refused,
    "/auth/register": runs,
    "/auth/verify": verify,
    "infra make-admin": runs,
    "/auth/login": log_in,
    "TOKEN=": passed,
    "/roles": give_role,
    "alias call": passed,
    "/status -d": said,
    "/uploads -d": upload,
    "/approve": said,
    "/events -d": plan,
    "/cart/items": fill_cart,
    "$API/orders": order,
    "/payments/create": pay,
    "infra teardown --stage prod data": tear_down_data,
    "infra teardown": runs,
}
"""By words of a command, the first that fits."""
