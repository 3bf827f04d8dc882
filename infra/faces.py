"""`python3 -m infra faces`: the embedded face engine, and portraits of known people for its tests.

The engine goes into `.venv`, each package checked against its hash. Of a source package of the index only the pictures
are taken that its own tests use, into `.local/faces/`; its hash is checked, too. None of them is part of the project.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local/faces"
SOURCE, SHA256 = "face_recognition==1.3.0", "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
_PICTURES = "/tests/test_images/"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra faces", description=__doc__)
    parser.parse_args(arguments)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # The models come as a source package: it is built with the tools that are here, which are pinned, too.
    locked = ["--require-hashes", "--no-build-isolation", "-r", str(ROOT / "requirements-faces.txt")]
    if subprocess.run([*pip, "install", "--quiet", *locked], check=False).returncode:
        print("pip could not install the engine: what it said stands above.", file=sys.stderr)
        return 1
    count = fetch(pip)
    print(f"The engine is installed, and {count} portraits are in {HOME.relative_to(ROOT)}/.")
    return 0


def fetch(pip: Sequence[str]) -> int:
    """Put the portraits into `.local/faces/`; returns how many there are. Raises ValueError for another package."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder]
        subprocess.run([*pip, "download", *options, SOURCE], check=True)
        (package,) = Path(folder).glob("*.tar.gz")
        return unpack(package)


def unpack(package: Path, sha256: str = SHA256) -> int:
    """Write the portraits of a package out. Raises ValueError for one with another hash."""
    if hashlib.sha256(package.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{package.name} is not the package that this was written for")
    HOME.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        pictures = [each for each in archive if _PICTURES in each.name and each.isfile()]
        for picture in pictures:
            held = archive.extractfile(picture)
            assert held is not None
            HOME.joinpath(Path(picture.name).name).write_bytes(held.read())
    return len(pictures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
