"""What a function loads when it starts. Each module counts at every cold start, for every buyer who meets one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bench import cold
from infra.local.stack import CREDENTIALS
from tests.stack import ENVIRONMENT

HEAVY = {
    "PIL": "pictures are made by on_upload alone",
    "blurhash": "pictures are made by on_upload alone",
    "bcrypt": "only passwords of imported users are of its kind",
    "boto3": "botocore's session is enough, and is made at the first call",
    "cryptography": "keys are loaded when the first token is read",
    "dns": "only a domain that is to be proven is looked up",
    "fontTools": "documents are drawn when one is asked for",
    "fpdf": "documents are drawn when one is asked for",
    "jinja2": "pages and mails are rendered when one is asked for",
    "jwt": "tokens are read when the first one comes",
    "phonenumbers": "numbers are checked when one is given",
    "pillow_heif": "pictures are made by on_upload alone",
    "pyotp": "second factors are checked when one is given",
    "requests": "only payments ask a gateway",
    "segno": "codes are drawn when one is asked for",
    "stripe": "only payments ask a gateway",
    "uharfbuzz": "documents are drawn when one is asked for",
}
"""Modules that must not be loaded by starting the application, and when they are."""

TELL = "import json, sys; import app; print(json.dumps(sorted(sys.modules)))"


ROUTES = "import json; from app import app; print(json.dumps([each.name for each in app.mounted]))"
FACTS = "import json; from app import queues; queues.handlers(); print(json.dumps([*queues.Fact.known]))"


def told(code: str, folder: Path = cold.ROOT) -> set[str]:
    """What a fresh process says as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | ENVIRONMENT | CREDENTIALS,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cold.packaged(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def at_start(packaged: Path) -> set[str]:
    return told(TELL, packaged)


def test_the_application_starts_without_what_few_requests_need(at_start):
    assert {name: why for name, why in HEAVY.items() if name in at_start} == {}


def test_a_heavy_module_at_the_start_would_be_seen():
    assert "PIL" in told(TELL.replace("import app", "import app, PIL.Image"))


def test_a_room_is_opened_by_its_first_request(at_start):
    assert not {name for name in at_start if name.startswith("chalicelib.") and name.endswith((".routes", ".jobs"))}


def test_a_function_serves_the_routes_of_a_checkout_and_knows_its_facts(packaged):
    assert told(ROUTES, packaged) == told(ROUTES)
    assert told(FACTS, packaged) == told("import app; app.app.mounted\n" + FACTS)


def test_development_tools_are_never_loaded(at_start):
    tools = {"infra", "moto", "pytest", "rich", "tests", "yaml"}

    assert {name for name in at_start if name.split(".")[0] in tools} == set()
