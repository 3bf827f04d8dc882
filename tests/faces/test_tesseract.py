"""Reading words with Tesseract: the real one where it is installed, else what it prints, played by a script."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from chalicelib.core.errors import Unavailable
from chalicelib.faces.engines import tesseract
from chalicelib.faces.engines.contract import Word
from chalicelib.faces.model import bibs_of
from tests.faces import labelled

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"
ROWS = (
    "1\t1\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t",
    "5\t1\t1\t1\t1\t1\t200\t180\t240\t120\t96.5\t417",
    "5\t1\t1\t1\t1\t2\t460\t180\t90\t120\t41.25\tl7",
    "5\t1\t1\t1\t1\t3\t560\t180\t10\t120\t95.0\t ",
)


def played(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))


def test_words_come_with_their_confidence_and_empty_rows_do_not(tmp_path, monkeypatch):
    told = tmp_path / "told"
    told.write_text("\n".join((HEAD, *ROWS)))
    played(tmp_path, f"/bin/cat > {tmp_path}/picture; echo $* > {tmp_path}/asked; /bin/cat {told}", monkeypatch)

    read = tesseract.Tesseract().words(b"a picture")

    assert read == [Word("417", 96.5), Word("l7", 41.25)]
    assert (tmp_path / "picture").read_bytes() == b"a picture"
    assert (tmp_path / "asked").read_text().split() == ["stdin", "stdout", "--psm", "11", "-l", "eng", "tsv"]


@pytest.mark.parametrize("script", ["exit 1", "exec /bin/sleep 9"])
def test_one_that_fails_or_takes_too_long_is_tried_again_later(tmp_path, monkeypatch, script):
    monkeypatch.setattr(tesseract, "_SECONDS", 0.2)
    played(tmp_path, script, monkeypatch)

    with pytest.raises(Unavailable, match="text_reader_failed"):
        tesseract.Tesseract().words(b"a picture")


def test_a_machine_without_it_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(Unavailable, match="text_reader_missing"):
        tesseract.Tesseract().words(b"a picture")


@pytest.mark.skipif(not tesseract.is_installed(), reason="Tesseract is not installed: apt install tesseract-ocr")
def test_the_real_one_reads_a_bib_number():
    picture = Image.new("RGB", (1280, 960), "#3a6ea5")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((480, 320, 820, 560), fill="white")
    draw.text((640, 440), "4178", fill="black", anchor="mm", font=ImageFont.load_default(60))

    assert bibs_of(tesseract.Tesseract().words(labelled.jpeg(picture))) == ("4178",)
