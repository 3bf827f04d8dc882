"""Mails and texts from templates: `templates/{name}.{language}.txt` and `.html` for a mail, `.sms` for a text.

The first line of a mail's text is the subject; what follows the empty line is the body. A text is one line, and short:
each 160 signs cost one, 70 where they are Thai. What an inbox shows is the subject, and the preview that a mail's page
has for lists of mails: `templates/entry` frames nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.notifications.model import one_line
from chalicelib.notifications.moments import told
from chalicelib.notifications.values import Values
from chalicelib.organizations.model import Organization

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


def filled(given: Values, home: Organization, spoken: str) -> dict[str, Any]:
    """Values as a template tells them."""
    named = {
        name: told(value, spoken, home.timezone) if isinstance(value, datetime) else value for name, value in given
    }
    return named | {"organization": named.get("organization") or home.mail_name}


def compose(template: str, language: str, values: dict[str, Any]) -> Mail:
    """Raises jinja2's UndefinedError for a value that a template asks for in vain."""
    subject, body = _text(template, language, values)
    page = _templates().get_template(f"{template}.{language}.html")
    return Mail(subject, body.strip() + "\n", page.render(values, language=language, subject=subject))


def framed(body: str, language: str, subject: str, organization: str) -> str:
    """The page of a mail around a body of HTML that was looked at."""
    values = {"language": language, "subject": subject, "organization": organization, "body": body}
    return _templates().get_template("own.html").render(values)


def shortened(text: str) -> str:
    """As a phone is sent it: one line, and not too long."""
    return one_line(text, _LONGEST_TEXT)


def compose_text(template: str, language: str, values: dict[str, Any]) -> str:
    """Raises jinja2's UndefinedError for a value that a template asks for in vain."""
    return shortened(_templates().get_template(f"{template}.{language}.sms").render(values))


def compose_entry(template: str, language: str, values: dict[str, Any]) -> tuple[str, str]:
    """Title and short text of a mail in an inbox; plain text. Raises as `compose`."""
    title, _ = _text(template, language, values)
    preview = _templates("entry").get_template(f"{template}.{language}.html")
    return title, one_line(preview.render(values, language=language, subject=title))


def _text(template: str, language: str, values: dict[str, Any]) -> tuple[str, str]:
    """The subject and the body of a mail's text."""
    text = _templates().get_template(f"{template}.{language}.txt").render(values)
    first, _, body = text.partition("\n")
    return one_line(first), body


@cache
def _templates(frame: str = "") -> "Environment":
    """Those of `frame` come first; what is framed by it is plain text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader([_TEMPLATES / frame, _TEMPLATES]),
        autoescape=select_autoescape([] if frame else ["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
