"""Takes pictures of the product's mails, as a phone 375 points wide shows them, with made-up values.

`python3 -m infra pictures` takes them anew with Chromium, and lists them in docs/notices.md; a test holds that list to
the templates.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from PIL import Image, ImageChops

from chalicelib.notifications.mail import Mail, compose, filled
from chalicelib.notifications.values import TEMPLATES
from chalicelib.notifications.wording import samples
from chalicelib.organizations.model import Organization

DOCS = Path(__file__).resolve().parent.parent / "docs"
DOCUMENT = DOCS / "notices.md"
FOLDER = DOCS / "images" / "mails"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, LONGEST, MARGIN = 375, 1600, 24  # pixels
COLORS = 32
SECONDS = 60
_LIST = re.compile(r"(?<=<!-- mails -->\n).*(?=<!-- end of mails -->)", re.DOTALL)
_AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def sample(template: str) -> Mail:
    """The mail in English, from a shop of the name that a first installation has."""
    home = Organization.founded("org_sample", "ThePixStock", _AT)
    values = samples.full(TEMPLATES[template], "https://shop.example", _AT)
    return compose(template, "en", filled(values, home, "en"))


def listed() -> str:
    """What docs/notices.md says between its marks: each mail's subject and picture."""
    lines = [f"| `{template}` | {_cell(template)} |\n" for template in sorted(TEMPLATES)]
    return "".join(["\n| template | subject, picture |\n|---|---|\n", *lines, "\n"])


def _cell(template: str) -> str:
    subject = escape(sample(template).subject)
    return f'{subject}<br><img src="images/mails/{template}.png" alt="The mail “{subject}” on a phone" width="250">'


def document(text: str) -> str:
    """The page with the list as it has to be."""
    return _LIST.sub(lambda _: listed(), text)


def picture(browser: str, html: str) -> Image.Image:
    """The page in a frame as wide as a phone: no window of Chromium's is. Raises CalledProcessError, TimeoutExpired."""
    page = f'<body style="margin:0"><iframe style="border:0" width={WIDTH} height={LONGEST} srcdoc="{escape(html)}">'
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder, "mail.html"), Path(folder, "mail.png")
        source.write_text(f'<!doctype html><meta charset="utf-8">{page}')
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{LONGEST}", f"--screenshot={shot}"]
        subprocess.run([*command, source.as_uri()], check=True, capture_output=True, timeout=SECONDS)
        whole = Image.open(io.BytesIO(shot.read_bytes())).convert("RGB").crop((0, 0, WIDTH, LONGEST))
    ground = Image.new("RGB", whole.size, whole.getpixel((0, LONGEST - 1)))
    found = ImageChops.difference(whole, ground).getbbox()
    _, _, _, end = found or (0, 0, 0, LONGEST)
    return whole.crop((0, 0, WIDTH, min(end + MARGIN, LONGEST))).quantize(COLORS)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m infra pictures", description=__doc__)
    parser.add_argument("templates", nargs="*", metavar="TEMPLATE", help="all, unless named")
    wanted = parser.parse_args(words).templates or sorted(TEMPLATES)
    if unknown := set(wanted) - TEMPLATES.keys():
        parser.error(f"there is no mail {', '.join(sorted(unknown))}")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        parser.error(f"install Chromium first: none of {', '.join(BROWSERS)} is there")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, template in enumerate(wanted, 1):
        taken = picture(browser, sample(template).html)
        taken.save(FOLDER / f"{template}.png", optimize=True)
        print(f"{number:2}/{len(wanted)}  {template}  {taken.width} x {taken.height}")
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
