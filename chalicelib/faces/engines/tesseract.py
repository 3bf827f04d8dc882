"""Tesseract, as Debian ships it: a process that reads one picture and ends."""

import shutil
import subprocess

from chalicelib.core.errors import Unavailable
from chalicelib.faces.engines.contract import Word

_SECONDS = 20
_SPARSE_TEXT = "11"


def is_installed() -> bool:
    return shutil.which("tesseract") is not None


class Tesseract:
    name = "tesseract"

    def words(self, picture: bytes) -> list[Word]:
        """A row a word: https://tesseract-ocr.github.io/tessdoc/Command-Line-Usage.html."""
        program = shutil.which("tesseract")
        if program is None:
            raise Unavailable("text_reader_missing", "Numbers can not be read here now.", retry_after=60)
        command = [program, "stdin", "stdout", "--psm", _SPARSE_TEXT, "-l", "eng", "tsv"]
        try:
            read = subprocess.run(
                command, input=picture, capture_output=True, timeout=_SECONDS, check=True, env={"OMP_THREAD_LIMIT": "1"}
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as failure:
            raise Unavailable("text_reader_failed", "Numbers can not be read here now.", retry_after=60) from failure
        return [word for line in read.stdout.decode().splitlines()[1:] if (word := _word(line.split("\t")))]


def _word(cells: list[str]) -> Word | None:
    """None for the rows of pages, blocks and lines, whose confidence is -1."""
    if len(cells) != 12 or float(cells[10]) < 0 or not cells[11].strip():
        return None
    return Word(cells[11].strip(), float(cells[10]))
