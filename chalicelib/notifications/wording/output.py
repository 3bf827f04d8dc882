"""What words of an organization come to, looked at before somebody gets them: here and whenever one is sent.

Links and codes are ours. What a page may hold is listed: text, tables and colours; nothing is loaded, asked for or run.
"""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from chalicelib.notifications.wording.sandbox import Unusable

_TAGS = frozenset({
    "a", "b", "blockquote", "br", "center", "div", "em", "h1", "h2", "h3", "h4", "hr", "i", "li", "ol", "p",
    "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "align", "bgcolor", "border", "cellpadding", "cellspacing", "class", "colspan", "dir", "height", "href",
    "lang", "role", "rowspan", "style", "valign", "width",
})  # fmt: skip
_EMPTY = "There is nothing left to read."
_STYLE = re.compile(r"url\s*\(|expression|@|\\|/\*", re.IGNORECASE)
_LINK = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>\"']*", re.IGNORECASE)


def check_text(text: str, values: Mapping[str, Any], required: list[str]) -> None:
    """Raises Unusable for a link that nobody gave it, and where a value that it must show is missing."""
    if not text.strip():
        raise Unusable(_EMPTY)
    _check_links(text, list(_strings(values)))
    _check_shown(text, values, required)


def check_page(page: str, values: Mapping[str, Any], required: list[str]) -> None:
    """As `check_text`, of HTML; raises Unusable also for what is not allowed in a mail."""
    given = list(_strings(values))
    found = _Page(frozenset(each for each in given if each.startswith(("https://", "http://"))))
    found.feed(page)
    found.close()
    text = "".join(found.text)
    if not text.strip():
        raise Unusable(_EMPTY)
    _check_links(text, given)
    _check_shown("\n".join([text, *found.links]), values, required)


def _check_links(text: str, given: list[str]) -> None:
    for found in _LINK.findall(text):
        link = found.rstrip(".,;:!?)]}")
        if not any(link in each for each in given):
            raise Unusable("Links are made by us: name a variable that is one.")


def _check_shown(text: str, values: Mapping[str, Any], required: list[str]) -> None:
    for name in required:
        value = values.get(name)
        if value is not None and str(value) not in text:
            raise Unusable(f"It must show {{{{ {name} }}}} whenever there is one.")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _strings(each)
    elif hasattr(value, "model_dump"):
        yield from _strings(value.model_dump())


class _Page(HTMLParser):
    """What a reader of a page sees, and where it leads."""

    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.allowed = allowed
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise Unusable(f"A mail holds no <{tag}>.", self.getpos()[0])
        for name, value in attrs:
            if name not in _ATTRIBUTES or (name == "style" and _STYLE.search(value or "")):
                raise Unusable(f"A mail holds no such {name}.", self.getpos()[0])
            if name == "href":
                self._follow(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise Unusable("A mail holds no comments.", self.getpos()[0])

    def handle_decl(self, decl: str) -> None:
        raise Unusable("The page around it is ours.", self.getpos()[0])

    def unknown_decl(self, data: str) -> None:
        raise Unusable("The page around it is ours.", self.getpos()[0])

    def handle_pi(self, data: str) -> None:
        raise Unusable("The page around it is ours.", self.getpos()[0])

    def _follow(self, link: str) -> None:
        if not link:
            raise Unusable("A link that may be missing stands within an if.", self.getpos()[0])
        if link not in self.allowed:
            raise Unusable("Links are made by us: name a variable that is one.", self.getpos()[0])
        self.links.append(link)
