"""The templates that the configuration tests read, made once a session."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: Chalice imports the staged copy of the app, which must not take the place of ours.
_WRITE_TEMPLATE = """
import json, sys
from pathlib import Path
from infra import package

staged = Path(sys.argv[1])
package.stage(package.ROOT, staged)
_, sam = package.chalice_package(staged)
plain = package.plain_template(package.for_target(sam, package.RELEASE))
(staged / "template.json").write_text(json.dumps(plain, separators=(",", ":")))
"""


@pytest.fixture(scope="session")
def app_template_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of the app stack as `python3 -m infra package` makes it, without the code."""
    staged = tmp_path_factory.mktemp("template") / "staged"
    command = [sys.executable, "-c", _WRITE_TEMPLATE, str(staged)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return staged / "template.json"


@pytest.fixture(scope="session")
def app_template(app_template_file: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(app_template_file.read_text())
    return template
