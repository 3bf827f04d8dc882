"""What a function loads when it starts. Each module counts at every cold start, for every buyer who meets one."""

import json
import os
import subprocess
import sys

import pytest

from infra.local.stack import CREDENTIALS
from tests.stack import ENVIRONMENT

HEAVY = {
    "PIL": "pictures are made by on_upload alone",
    "blurhash": "pictures are made by on_upload alone",
    "bcrypt": "only passwords of imported users are of its kind",
    "boto3": "botocore's session is enough, and is made at the first call",
    "cryptography": "keys are loaded when the first token is read",
    "dns": "only a domain that is to be proven is looked up",
    "jinja2": "pages and mails are rendered when one is asked for",
    "jwt": "tokens are read when the first one comes",
    "phonenumbers": "numbers are checked when one is given",
    "pillow_heif": "pictures are made by on_upload alone",
    "pyotp": "second factors are checked when one is given",
    "requests": "only payments ask a gateway",
    "segno": "codes are drawn when one is asked for",
    "stripe": "only payments ask a gateway",
}
"""Modules that must not be loaded by starting the application, and when they are."""

TELL = "import json, sys; import app; print(json.dumps(sorted(sys.modules)))"


def loaded(code: str) -> set[str]:
    """The modules of a fresh process after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | ENVIRONMENT | CREDENTIALS,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def at_start() -> set[str]:
    return loaded(TELL)


def test_the_application_starts_without_what_few_requests_need(at_start):
    assert {name: why for name, why in HEAVY.items() if name in at_start} == {}


def test_a_heavy_module_at_the_start_would_be_seen():
    assert "PIL" in loaded(TELL.replace("import app", "import app, PIL.Image"))


def test_development_tools_are_never_loaded(at_start):
    tools = {"infra", "moto", "pytest", "rich", "tests", "yaml"}

    assert {name for name in at_start if name.split(".")[0] in tools} == set()
