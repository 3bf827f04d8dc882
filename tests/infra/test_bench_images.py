"""The bench of the renderers: what it compares is comparable, and what it cannot measure it says."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from infra.bench import __main__ as bench
from infra.bench import images, renderers, report
from infra.bench.engines.protocol import Output
from infra.bench.images import Figures, Subject, goals
from infra.bench.likeness import likeness, references
from infra.bench.photos import Photo, from_folder, sixteen_bit_png
from infra.bench.renderers import RENDERERS, Driver, Missing
from infra.local.samples import camera_photo, real_photos

linux = pytest.mark.skipif(sys.platform != "linux", reason="pins processes to a core")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    camera_photo(real_photos() / "chelsea.png", 1200, 800, 1, 0).save(path, quality=92)
    return path


def outputs(overlay=None):
    return [Output("preview", 900, 600, 82, overlay), Output("thumb", 150, 100, 80, None)]


@linux
@pytest.mark.parametrize("name", ["naive", "ours"])
def test_a_driver_makes_likenesses_in_the_wanted_sizes_and_says_what_it_took(photo, tmp_path, name):
    sizes = [(1200, 800), (800, 533), (300, 200), (150, 100)]
    wanted = [Output(str(width), width, height, 90, None) for width, height in sizes]
    with Driver(RENDERERS[name], core=0) as driver:
        answer = driver.render(photo, wanted, tmp_path)
        again = driver.render(photo, wanted)
        peak = driver.peak_memory()

    assert answer.keys() == again.keys() == {"cpu", "wall"}
    assert 0 < answer["cpu"] < 60
    assert 20e6 < peak < 500e6
    for output, reference in zip(wanted, references(photo, sizes), strict=True):
        file = tmp_path / f"{output.name}.jpg"
        with Image.open(file) as image:
            assert image.size == (output.width, output.height)
        assert 0.9 < likeness(file, reference) < 1


@linux
def test_a_photo_a_renderer_cannot_make_is_an_answer_not_an_end(photo, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo.read_bytes()[:1000])
    with Driver(RENDERERS["ours"], core=0) as driver:
        assert "Rejected" in driver.render(broken, outputs())["error"]
        assert "error" not in driver.render(photo, outputs())


def test_likeness_tells_a_blurred_and_a_shifted_picture_from_a_good_one(photo, tmp_path):
    [reference] = references(photo, [(600, 400)])
    found = []
    for size, shift in (((600, 400), 0), ((300, 200), 0), ((600, 400), 3)):
        small = Image.open(photo).resize((600, 400), Image.Resampling.LANCZOS)
        small = (
            small.resize(size).resize((600, 400)).transform((600, 400), Image.Transform.AFFINE, (1, 0, shift, 0, 1, 0))
        )
        small.save(tmp_path / "made.jpg", quality=95)
        found.append(likeness(tmp_path / "made.jpg", reference))

    assert found[0] > 0.98 > max(found[1:])


@pytest.mark.parametrize(("shape", "mode"), [((5, 7), "I;16"), ((5, 7, 3), "RGB")])
def test_a_sixteen_bit_png_holds_its_levels(shape, mode):
    levels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) * 600

    image = Image.open(io.BytesIO(sixteen_bit_png(levels)))

    assert image.mode == mode
    expected = levels if mode == "I;16" else levels >> 8  # Pillow keeps the upper byte of a coloured one
    assert np.array_equal(np.asarray(image), expected)


def subject(name, ours, sharp, ssim=0.98, memory=100e6, form="jpeg"):
    figures = {
        "ours": Figures(cpu=[ours], likeness={"preview": ssim}, peak_memory=memory),
        "sharp": Figures(cpu=[sharp]) if sharp else Figures(error="cannot"),
    }
    return Subject(Photo(name, "made"), form, 12.0, outputs(), figures)


def test_goals_name_the_photos_that_miss_them():
    subjects = [
        subject(Path("fast.jpg"), 0.1, 0.4),
        subject(Path("slow.jpg"), 0.1, 0.1, ssim=0.97),
        subject(Path("large.jpg"), 0.1, 0.4, memory=400e6),
        subject(Path("x.heic"), 9.0, None, form="heic"),
    ]

    time, ssim, memory = (str(goal) for goal in goals(subjects, ["ours", "sharp"]))

    assert time == (
        "met    JPEG: time as a part of sharp's, geometric mean: 0.397 (goal 0.8); photos that miss it: slow.jpg 1"
    )
    assert ssim.startswith("met    SSIM of previews, median: 0.98 ")
    assert ssim.endswith("photos that miss it: slow.jpg 0.97")
    assert memory == "MISSED JPEG: peak memory, most, MB: 400 (goal 350); photos that miss it: large.jpg 400"


def test_what_cannot_be_installed_is_said_and_skipped(monkeypatch):
    monkeypatch.setattr(renderers.shutil, "which", lambda name: None)
    said = io.StringIO()

    versions = images._prepared(["ours", "sharp"], Console(file=said))

    assert list(versions) == ["ours"]
    assert "sharp    is skipped: node and npm are not installed" in said.getvalue()


def test_a_failed_installation_is_missing_not_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(renderers, "VENV", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "python").chmod(0o755)

    with pytest.raises(Missing, match=r"pip install pyvips\[binary\]==3.2.0 did not succeed"):
        RENDERERS["pyvips"].prepared()


@linux
def test_the_whole_bench_measures_what_is_there(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(images, "HOME", tmp_path / "bench")
    monkeypatch.setattr(images, "RESULTS", tmp_path / "bench" / "images.json")
    monkeypatch.setattr(report, "FIGURES", tmp_path / "figures.json")
    (photo.parent / "no photo.jpg").write_bytes(b"text")
    monkeypatch.setattr(sys, "argv", ["bench", "images", "--rounds", "1", "--engines", "ours", "naive"])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--photos", str(photo.parent)])

    assert bench.main() == 0

    said = capsys.readouterr().out
    [told] = json.loads((tmp_path / "figures.json").read_text())["areas"].values()
    assert told["figures"][0]["promise"] == "SSIM of previews, median: 0.979"
    assert "no photo.jpg is left out: unsupported_format" in said
    [made] = json.loads((tmp_path / "bench" / "images.json").read_text())["photos"]
    for figures in made["figures"].values():
        assert len(figures["cpu"]) == len(figures["wall"]) == 1
        assert figures["likeness"].keys() == {"preview", "medium", "small", "thumb"}
        assert figures["likeness"]["preview"] > 0.95
        assert figures["peak_memory"] > 20e6


def test_only_pictures_of_a_folder_are_taken(tmp_path):
    for name in ("b.JPG", "a.heic", "notes.txt"):
        (tmp_path / name).touch()

    assert [(each.path.name, each.kind) for each in from_folder(tmp_path)] == [("a.heic", "heic"), ("b.JPG", "jpg")]


def test_nobody_is_always_first():
    turns = [images.rotated(["a", "b", "c"], turn) for turn in range(3)]

    assert turns == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
