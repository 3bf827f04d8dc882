"""`python3 -m infra package`: builds what is deployed, the code of all functions (a zip) and their template.

Chalice writes the template, infra/app.yaml is laid over it, and SAM's own translator makes plain CloudFormation of it:
what is checked here is what AWS gets. The packages come as wheels of Lambda's Python and processor, whatever this
machine has: Chalice would take its own, and on Python 3.11 leave some out with a mere warning.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.openapi import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local" / "package"
WHEELS = HOME / "vendor"
MERGED = ROOT / "infra" / "app.yaml"
CHALICE_STAGE = "release"  # the only one of .chalice/config.json: what differs by stage is a parameter

LARGEST_PACKAGE = 200_000_000  # bytes unzipped; Lambda takes 262,144,000
LARGEST_TEMPLATE = 1_000_000  # bytes; CloudFormation takes 1 MiB
MOST_RESOURCES = 280  # nodes of the API's tree of addresses; API Gateway takes 300
NEWEST_GLIBC = (2, 28)  # manylinux_2_28; python3.12 runs on Amazon Linux 2023, which has 2.34

# What pip writes for this machine, and what nobody runs there.
_NOT_PACKED = re.compile(r"(^|/)__pycache__/|^bin/|\.dist-info/(RECORD|INSTALLER|REQUESTED)$|\.pyi$")
_FOREIGN = re.compile(r"^(infra|tests|docs)/|(^|/)\.|\.(pyc|env|orig|rej)$|^chalicelib/.*\.(pem|key|json)$")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time of every file in the zip, so that the same content is the same zip


class PackageFailed(Exception):
    """The package may not be deployed; the text says why."""


@dataclass(frozen=True)
class Target:
    """Where the code is to run. `platforms` are pip's tags, newest last; none means this very machine."""

    name: str
    python: str
    architecture: str
    platforms: tuple[str, ...] = ()

    @property
    def runtime(self) -> str:
        return f"python{self.python}"

    @property
    def abi(self) -> str:
        return f"cp{self.python.replace('.', '')}"


RELEASE = Target(
    "release",
    python="3.12",
    architecture="arm64",
    platforms=("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, NEWEST_GLIBC[1] + 1))),
)


def this_machine() -> Target:
    """For the smoke test, whose emulator runs the functions on this machine."""
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return Target("smoke", python="{}.{}".format(*sys.version_info), architecture=architecture)


@dataclass(frozen=True)
class Package:
    """A folder with `code.zip` and `template.json`."""

    folder: Path

    @property
    def code(self) -> Path:
        return self.folder / "code.zip"

    @property
    def template(self) -> Path:
        return self.folder / "template.json"


def build(target: Target, folder: Path) -> Package:
    """Build and check; a failed build leaves nothing that could be deployed. Raises PackageFailed."""
    package = Package(folder)
    shutil.rmtree(folder, ignore_errors=True)
    staged = folder.with_name(f"{folder.name}-staged")
    with _step("packages"):
        vendored = vendor(ROOT / "requirements.txt", target, WHEELS)
        refuse("wheels that do not fit", unfit_wheels(vendored, target) if target.platforms else [])
    with _step("template"):
        stage(ROOT, staged)
        application, sam = chalice_package(staged)
        template = plain_template(for_target(sam, target))
        refuse("too many addresses", too_many_resources(sam))
    with _step("zip"):
        code = contents(application, vendored)
        refuse("not part of the app", strangers(code))
        code["chalicelib/addresses.json"] = addresses()
        code |= bytecode(code, interpreter(target.python))
        refuse("too large", too_large(sum(len(data) for data in code.values())))
        staged_code = write_zip(code, staged / "code.zip")
    with _step("lint"):
        staged_template = staged / "template.json"
        staged_template.write_text(json.dumps(template, separators=(",", ":"), sort_keys=True))
        refuse("too large for CloudFormation", too_large_template(staged_template.stat().st_size))
        refuse("cfn-lint", lint(staged_template))
    folder.mkdir()
    staged_code.rename(package.code)
    staged_template.rename(package.template)
    shutil.rmtree(staged)
    return package


# --- packages -----------------------------------------------------------------------------------------------


def vendor(locked: Path, target: Target, cache: Path) -> Path:
    """The folder with the locked packages for the target, each checked against its hash. Made once per lock."""
    wanted = "\0".join([locked.read_text(), target.python, target.architecture, *target.platforms])
    folder = cache / f"{target.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=cache))
    foreign = ["--python-version", target.python, "--implementation", "cp"]
    foreign += [word for abi in (target.abi, "abi3", "none") for word in ("--abi", abi)]
    foreign += [word for tag in target.platforms for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--target", str(part)]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "-r", str(locked)]
    done = subprocess.run(
        [*command, *(foreign if target.platforms else [])], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(part)
        raise PackageFailed(f"pip found no fitting wheels:\n{done.stderr.strip()}")
    for outdated in cache.glob(f"{target.name}-*"):
        shutil.rmtree(outdated)
    return part.rename(folder)


def unfit_wheels(vendored: Path, target: Target) -> list[str]:
    """Packages whose wheel was built for another Python or processor, or for a newer Linux than Lambda's."""
    tags = {
        info.parent.name.removesuffix(".dist-info"): re.findall(r"^Tag: (\S+)", info.read_text(), re.MULTILINE)
        for info in sorted(vendored.glob("*.dist-info/WHEEL"))
    }
    return [f"{name}: {', '.join(own)}" for name, own in tags.items() if not any(_fits(tag, target) for tag in own)]


def _fits(tag: str, target: Target) -> bool:
    interpreter, abi, system = tag.split("-")
    if system == "any":
        return abi == "none" and interpreter.startswith("py")
    if not (abi == target.abi == interpreter or abi == "abi3"):
        return False
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[target.architecture]
    if system == f"manylinux2014_{machine}":
        return True
    glibc = re.fullmatch(rf"manylinux_(\d+)_(\d+)_{machine}", system)
    return glibc is not None and (int(glibc[1]), int(glibc[2])) <= NEWEST_GLIBC


# --- template -----------------------------------------------------------------------------------------------


def stage(root: Path, staged: Path) -> None:
    """A copy of the app and of nothing else for Chalice to look at."""
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(root / "chalicelib", staged / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copytree(root / ".chalice", staged / ".chalice", ignore=shutil.ignore_patterns("deploy*"))
    shutil.copy(root / "app.py", staged)
    (staged / "requirements.txt").touch()  # the packages are ours to fetch


def chalice_package(staged: Path) -> tuple[Path, dict[str, Any]]:
    """Let Chalice check and package the staged app: its zip without packages, and the template with ours laid over."""
    from chalice.cli.factory import CLIFactory
    from chalice.deploy.validate import validate_configuration

    os.environ.update(SETTINGS)  # for Chalice, which wants a region, and for the app, which is imported
    factory = CLIFactory(str(staged))
    config = factory.create_config_obj(CHALICE_STAGE)
    out = staged / "out"
    try:
        validate_configuration(config)
        packager = factory.create_app_packager(
            config, factory.create_package_options(), "cloudformation", "yaml", str(MERGED)
        )
        packager.package_app(config, str(out), CHALICE_STAGE)
    except (ValueError, RuntimeError) as refusal:
        raise PackageFailed(f"Chalice: {refusal}") from refusal
    return out / "deployment.zip", yaml.safe_load((out / "sam.yaml").read_text())


def for_target(sam: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The template with the runtime of the target, the gateway's own answers and an API that depends on no function."""
    from infra.gateway_responses import gateway_responses

    # By its name instead of its resource: the functions may know the API's address then, without a circle.
    function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${App}-${Stage}-api"
    template: dict[str, Any] = json.loads(json.dumps(sam).replace("${APIHandler.Arn}", function))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            properties |= {"Runtime": target.runtime, "Architectures": [target.architecture]}
            del properties["CodeUri"]  # Globals know where the code is
            del properties["Tags"]
    # CloudFormation would make a deployment of the websockets once and never again; their stage deploys what changes.
    del template["Resources"]["WebsocketAPIDeployment"]
    del template["Resources"]["WebsocketAPIStage"]["Properties"]["DeploymentId"]
    template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"] |= {
        "x-amazon-apigateway-gateway-responses": gateway_responses()
    }
    return template


def plain_template(sam: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation without the SAM macro. Raises PackageFailed."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform

    try:
        plain: dict[str, Any] = transform(sam, {}, _NoManagedPolicies())
    except InvalidDocumentException as refusal:
        raise PackageFailed("SAM: " + "\n".join(str(cause) for cause in refusal.causes)) from refusal
    return plain


class _NoManagedPolicies:
    """Roles are ours, so SAM needs no list of AWS's policies."""

    def load(self) -> dict[str, str]:
        return {}


def too_many_resources(sam: Mapping[str, Any]) -> list[str]:
    paths = sam["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    nodes = {path[:end] for path in paths for end in [*_slashes(path), len(path)]}
    return [f"{len(nodes)} nodes of addresses, {MOST_RESOURCES} at most"] if len(nodes) > MOST_RESOURCES else []


def _slashes(path: str) -> list[int]:
    return [found.start() for found in re.finditer("/", path)]


def too_large_template(size: int) -> list[str]:
    return [f"{size:,} bytes, {LARGEST_TEMPLATE:,} at most"] if size > LARGEST_TEMPLATE else []


def lint(template: Path) -> list[str]:
    """What cfn-lint finds."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "parseable", str(template)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


# --- code ---------------------------------------------------------------------------------------------------


def contents(application: Path, vendored: Path) -> dict[str, bytes]:
    """Name in the zip -> bytes: the app and Chalice's runtime as Chalice packed them, and the packages."""
    code = {
        name: file.read_bytes()
        for file in vendored.rglob("*")
        if file.is_file() and not _NOT_PACKED.search(name := str(file.relative_to(vendored)))
    }
    with zipfile.ZipFile(application) as packed:
        code |= {name: packed.read(name) for name in packed.namelist() if not _NOT_PACKED.search(name)}
    return code


def addresses() -> bytes:
    """Where every route answers, so that a function need not import them all to know."""
    from app import ROOMS
    from chalicelib.core import routing

    return json.dumps(routing.addresses(ROOMS), separators=(",", ":")).encode()


def interpreter(version: str) -> Path | None:
    """A Python of this version on this machine, if there is one."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(sys.executable)
    found = shutil.which(f"python{version}")
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return Path(found) if found and works else None


def bytecode(code: Mapping[str, bytes], python: Path | None) -> dict[str, bytes]:
    """What Python would write beside the code if Lambda let it. Nothing without a Python of the target's version."""
    if python is None:
        print("(no Python of that version here, so no bytecode: cold starts take longer) ", end="", flush=True)
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in code.items():
            if name.endswith(".py"):
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        # Unchecked: the code beside it never changes. Templates of code that is no code are passed over.
        how = ["-q", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/var/task"]
        subprocess.run([str(python), "-m", "compileall", *how, folder], capture_output=True, check=False)
        return {str(file.relative_to(folder)): file.read_bytes() for file in Path(folder).rglob("*.pyc")}


def strangers(names: Iterable[str]) -> list[str]:
    """Files that belong to development, or that nobody should ship."""
    return [name for name in sorted(names) if _FOREIGN.search(name)]


def too_large(size: int) -> list[str]:
    return [f"{size / 1e6:.1f} MB unzipped, {LARGEST_PACKAGE / 1e6:.0f} MB at most"] if size > LARGEST_PACKAGE else []


def write_zip(code: Mapping[str, bytes], file: Path) -> Path:
    """The same bytes for the same content: sorted names, one date, one mode."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(code):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, code[name], zipfile.ZIP_DEFLATED)
    return file


# --- command ------------------------------------------------------------------------------------------------


def refuse(what: str, found: list[str]) -> None:
    if found:
        raise PackageFailed("\n".join([f"{what}:", *found[:40]]))


@contextmanager
def _step(name: str) -> Iterator[None]:
    print(f"{name:10}", end="", flush=True)
    started = time.monotonic()
    yield
    print(f"{time.monotonic() - started:6.1f} s", flush=True)


def sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra package", description=__doc__.partition("\n\n")[0])
    command.add_argument(
        "--smoke", action="store_true", help="for the emulator on this machine: its own Python and processor"
    )
    command.add_argument("--into", type=Path, metavar="FOLDER", help="instead of .local/package/release, or .../smoke")
    return command


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    target = this_machine() if wanted.smoke else RELEASE
    folder = (wanted.into or HOME / target.name).resolve()
    print(f"Packaging for {target.runtime} on {target.architecture}.", flush=True)
    try:
        package = build(target, folder)
    except PackageFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    with zipfile.ZipFile(package.code) as packed:
        files = packed.infolist()
    unzipped = sum(entry.file_size for entry in files)
    print(f"{package.code}  {package.code.stat().st_size / 1e6:.1f} MB, {len(files)} files,", end=" ")
    print(f"{unzipped / 1e6:.1f} MB unzipped of {LARGEST_PACKAGE / 1e6:.0f}")
    print(f"{package.template}  {package.template.stat().st_size / 1e3:.0f} KB of 1000")
    print(f"SHA-256 of the code: {sha256(package.code)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
