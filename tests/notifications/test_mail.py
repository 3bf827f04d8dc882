import subprocess
import sys

import pytest
from jinja2 import UndefinedError

from chalicelib.notifications.mail import LANGUAGES, compose
from chalicelib.notifications.values import TEMPLATES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_forgotten_value_is_an_error(template, language):
    with pytest.raises(UndefinedError):
        compose(template, language, {})


def test_jinja_waits_for_the_first_mail():
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, chalicelib.notifications.service; print('jinja2' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout == "False\n"
