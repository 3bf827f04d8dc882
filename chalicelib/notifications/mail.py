"""Mails and texts from templates: `templates/{name}.{language}.txt` and `.html` for a mail, `.sms` for a text.

The first line of a mail's text is the subject; what follows the empty line is the body. A text is one line, and short:
each 160 signs cost one, 70 where they are Thai.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.notifications.model import one_line

if TYPE_CHECKING:
    from jinja2 import Environment

LANGUAGES = ("th", "en")
_LONGEST_TEXT = 459
"""Three parts, of which the last holds the end of a link."""

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str
    html: str


def compose(template: str, language: str, values: dict[str, Any]) -> Mail:
    """Raises jinja2's UndefinedError for a value that a template asks for in vain."""
    text = _templates().get_template(f"{template}.{language}.txt").render(values)
    first, _, body = text.partition("\n")
    subject = one_line(first)
    page = _templates().get_template(f"{template}.{language}.html")
    return Mail(subject, body.strip() + "\n", page.render(values, language=language, subject=subject))


def compose_text(template: str, language: str, values: dict[str, Any]) -> str:
    """Raises jinja2's UndefinedError for a value that a template asks for in vain."""
    return one_line(_templates().get_template(f"{template}.{language}.sms").render(values), _LONGEST_TEXT)


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
