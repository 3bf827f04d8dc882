"""Files as strangers send them: refused with a reason, or a photo as any other; never a crash, never without bounds.

`CORPUS=folder` adds a folder of one's own.
"""

import hashlib
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.model import Approval, FileOffer, Processing
from chalicelib.media.model import ADVICE, CONTENT_TYPES, MAX_BYTES, Format
from tests.figures import Show
from tests.stack import ENVIRONMENT, client
from tests.system.uploads.bounded import Bounded, Verdict
from tests.system.uploads.corpus import BAD, DECLARED, LARGE, ODD, damaged
from tests.system.world import World, deliver_file

SEED = 20_261_124
CHUNKS = 10
MOST_MEGABYTES = 1200
"""What a file may make the function hold: its budget for pixels, and Python with all its libraries."""


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    with Bounded() as process:
        yield process


def measured(verdicts: list[Verdict]) -> str:
    """For a figure."""
    return (
        f"{sum(verdict.outcome == 'crashed' for verdict in verdicts)} crashes, "
        f"at most {max(verdict.megabytes for verdict in verdicts):.0f} MB and "
        f"{max(verdict.seconds for verdict in verdicts):.1f} s of processor"
    )


def look_at(bounded: Bounded, folder: Path, content: bytes, declared: str | None = None) -> Verdict:
    path = folder / "file"
    path.write_bytes(content)
    return bounded.look_at(path, declared)


def test_bad_files_are_refused_with_their_reason(bounded: Bounded, tmp_path: Path, figure: Show):
    verdicts = {name: look_at(bounded, tmp_path, content) for name, (content, _) in BAD.items()}
    expected = {name: ("refused", code) for name, (_, code) in BAD.items()}
    verdicts |= {name: look_at(bounded, tmp_path, *sent) for name, sent in DECLARED.items()}
    expected |= dict.fromkeys(DECLARED, ("refused", "type_mismatch"))

    found = {name: (verdict.outcome, verdict.code) for name, verdict in verdicts.items()}
    taken = sum(outcome == "taken" for outcome, _ in found.values())
    text = f"{len(found)} files, {len(set(expected.values()))} reasons: {taken} taken, {measured([*verdicts.values()])}"
    figure("uploads", "bad files are refused, each with its reason", text)
    assert found == expected
    assert {code for _, code in found.values()} | {"metadata_locked"} == ADVICE.keys()
    assert all(advice.endswith(".") and ". " in advice for advice in ADVICE.values())


def test_odd_files_are_photos(bounded: Bounded, tmp_path: Path, figure: Show):
    verdicts = {name: look_at(bounded, tmp_path, content) for name, content in ODD.items()}

    taken = sum(verdict.outcome == "taken" for verdict in verdicts.values())
    figure("uploads", "odd files are taken", f"{taken} of {len(ODD)} files taken, {measured([*verdicts.values()])}")
    assert {name: verdict.code for name, verdict in verdicts.items() if verdict.outcome != "taken"} == {}


@pytest.mark.proof
@pytest.mark.parametrize("name", LARGE)
def test_large_files_stay_within_bounds(bounded: Bounded, tmp_path: Path, figure: Show, name: str):
    verdict = look_at(bounded, tmp_path, LARGE[name]())

    text = f"{name}: {verdict.megabytes:.0f} MB, {verdict.seconds:.1f} s"
    figure("uploads", f"large files stay within {MOST_MEGABYTES:,} MB", text)
    assert verdict.outcome == "taken", verdict.code
    assert verdict.megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_damage_ends_in_a_refusal_or_in_the_photo_that_is_shown(
    bounded: Bounded, tmp_path: Path, figure: Show, full: bool, chunk: int
):
    rng = random.Random(SEED + chunk)
    verdicts = []
    for _ in range(400 if full else 15):
        content = damaged(rng)
        verdicts.append(look_at(bounded, tmp_path, content))
        assert verdicts[-1].outcome != "crashed", (verdicts[-1].code, content)

    counts = Counter(verdict.outcome for verdict in verdicts)
    text = "{files:,} files: {refused:,} refused, {taken:,} taken, {crashes} crashes"
    told = {"files": len(verdicts), "refused": counts["refused"], "taken": counts["taken"]}
    figure("uploads", "damaged files are refused, or sold as they are shown", text, crashes=counts["crashed"], **told)


def test_files_of_ones_own(bounded: Bounded, figure: Show):
    folder = os.environ.get("CORPUS")
    if not folder:
        pytest.skip("no folder named by CORPUS")
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())

    verdicts = {path: bounded.look_at(path) for path in files}

    counts = Counter(verdict.outcome for verdict in verdicts.values())
    text = f"{len(files)} files: {counts['taken']} taken, {counts['refused']} refused, {measured([*verdicts.values()])}"
    figure("uploads", "files of CORPUS are refused or taken", text)
    assert {str(path): verdict.code for path, verdict in verdicts.items() if verdict.outcome == "crashed"} == {}
    assert files


# --- through the whole product ------------------------------------------------------------------------------


def test_nothing_bad_is_ever_published(world: World, figure: Show):
    """Offered, sent, processed: each is a failed photo with its reason, and storage shows nothing of it."""
    event, photographer = world.a.events["live"].id, world.a.people["photographer"].principal
    sent = {
        content: ("image/jpeg" if code == "unsupported_format" else _type_of(content), code)
        for content, code in BAD.values()
        if 0 < len(content) <= MAX_BYTES  # others can not even be offered
    }
    sent |= {content: (announced, "type_mismatch") for content, announced in DECLARED.values()}
    before = _previews()
    counted = photos.counts_of(world.a.people["admin"].principal, event)

    codes = {}
    batches = [[*sent.items()][start : start + 100] for start in range(0, len(sent), 100)]
    for batch in batches:
        offers = [
            FileOffer(f"../{n}.jpg", len(content), announced, hashlib.sha256(content).hexdigest())
            for n, (content, (announced, _)) in enumerate(batch)
        ]
        upload = photos.begin_upload(photographer, event, offers)
        for (content, (_, code)), progress in zip(batch, upload.files, strict=True):
            assert progress.form is not None
            deliver_file(progress.form.fields["key"], content)
            codes[progress.photo] = code

    found = {id: photos.get(world.a.organization, id) for id in codes}
    published = [id for id, photo in found.items() if photo.processing is Processing.READY]
    made = _previews() - before
    figure(
        "uploads",
        "nothing bad is published",
        f"{len(codes)} bad files sent: {len(published)} published, {len(made)} previews",
    )
    assert {id: photo.failure and photo.failure.code for id, photo in found.items()} == codes
    assert all(photo.failure and photo.failure.message == ADVICE[codes[id]] for id, photo in found.items())
    assert {photo.approval for photo in found.values()} == {Approval.PENDING}
    assert made == set()
    assert photos.counts_of(world.a.people["admin"].principal, event) == counted


def _type_of(content: bytes) -> str:
    """What a file begins as."""
    starts: dict[bytes, Format] = {b"\x89PNG": "png", b"RIFF": "webp", b"\xff\xd8": "jpeg"}
    return CONTENT_TYPES[next((form for start, form in starts.items() if content.startswith(start)), "heic")]


def _previews() -> set[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=ENVIRONMENT["PIX_PREVIEWS_BUCKET"])
    return {item["Key"] for page in pages for item in page.get("Contents", [])}
