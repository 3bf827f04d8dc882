"""`python3 -m infra deploy`: brings the stacks of a stage into an AWS account, or an emulator, in their order.

The outputs of each stack become parameters of the same name of those after it. Run again it changes what differs.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import ClientError
from pydantic import ValidationError

from chalicelib.core.secrets import Secrets
from infra.aws import STACKS, Place, add_options, place_of, told
from infra.package import HOME, Package, sha256
from infra.put_secret import stored_secret
from infra.stacks import INLINE, DeployFailed, Template, deploy_stack

INFRA = Path(__file__).resolve().parent
USUAL = ("account", "data", "app", "alarms")
PROTECTED = ("staging", "prod")
"""Stages whose data stack is deleted only after somebody has lifted its termination protection."""


def deploy(
    place: Place,
    stacks: tuple[str, ...],
    parameters: Mapping[str, str],
    package: Package,
    bucket: str | None = None,
    pause: float = 2.0,
) -> dict[str, str]:
    """Deploy the stacks in order; returns the outputs of all that stand. Raises DeployFailed.

    `bucket` takes the place of the account stack's, which is then left alone.
    """
    print(f"{place.app}-{place.stage} in account {place.account}, {place.session.region_name}")
    refuse_unknown(parameters, stacks, package)
    cloudformation = place.client("cloudformation")
    outputs = place.outputs()
    for name in (name for name in STACKS if name in stacks):
        if name == "account" and bucket:
            continue
        artifacts = bucket or outputs.get("ArtifactsBucketName", "")
        if name == "app":
            refuse_empty_secret(place, outputs)
            outputs |= {"CodeBucket": artifacts, "CodeKey": upload_code(place, artifacts, package)}
        values = {"App": place.app, "Stage": place.stage, **outputs, **parameters}
        template = template_of(name, package, place, artifacts)
        outputs |= deploy_stack(cloudformation, place.stack(name), template, values, pause=pause)
        if name == "data" and place.stage in PROTECTED:
            cloudformation.update_termination_protection(StackName=place.stack(name), EnableTerminationProtection=True)
    return outputs


def template_file(name: str, package: Package) -> Path:
    return package.template if name == "app" else INFRA / f"{name}.yaml"


def template_of(name: str, package: Package, place: Place, bucket: str) -> Template:
    file = template_file(name, package)
    body = file.read_text()
    if len(body.encode()) <= INLINE:
        return Template(body)
    key = f"templates/{hashlib.sha256(body.encode()).hexdigest()}{file.suffix}"
    return Template(body, url=upload(place, bucket, key, file))


def upload_code(place: Place, bucket: str, package: Package) -> str:
    """The key of the code in the bucket, named after its content: each build is there once, and stays."""
    key = f"code/{sha256(package.code)}.zip"
    upload(place, bucket, key, package.code)
    return key


def upload(place: Place, bucket: str, key: str, file: Path) -> str:
    """Put the file there, unless it is; returns its URL."""
    if not bucket:
        raise DeployFailed(f"There is no bucket for builds. First: python3 -m infra deploy {place.words()} account")
    s3 = place.client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        print(f"uploading {file.name}, {file.stat().st_size / 1e6:.1f} MB, to {bucket}", flush=True)
        s3.upload_file(str(file), bucket, key)
    return f"{s3.meta.endpoint_url}/{bucket}/{key}"


def refuse_unknown(parameters: Mapping[str, str], stacks: tuple[str, ...], package: Package) -> None:
    """A misspelt parameter would be passed over in silence."""
    if "app" in stacks and not package.template.exists():
        raise DeployFailed("There is no build. First: python3 -m infra package")
    known = {parameter for name in stacks for parameter in Template.of(template_file(name, package)).parameters}
    for name in sorted(parameters.keys() - known):
        raise DeployFailed(f"No stack of {', '.join(stacks)} has a parameter {name}.")


def refuse_empty_secret(place: Place, outputs: Mapping[str, str]) -> None:
    """The functions would start and refuse every request."""
    if "SecretId" not in outputs:
        raise DeployFailed(f"There is no data stack. First: python3 -m infra deploy {place.words()} data")
    stored = stored_secret(place, outputs["SecretId"])
    put = f"python3 -m infra put-secret {place.words()}"
    if not stored:
        raise DeployFailed(f"The secret {outputs['SecretId']} is empty. Fill it, then deploy again:\n  {put}")
    try:
        Secrets.model_validate_json(stored)
    except ValidationError as refusal:
        raise DeployFailed(f"The secret {outputs['SecretId']} lacks something:\n{refusal}") from refusal


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra deploy", description=__doc__.partition("\n\n")[2])
    add_options(command)
    command.add_argument("stacks", nargs="*", metavar="STACK", help=f"of {', '.join(STACKS)}; left out: all but edge")
    command.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for every stack that has it; kept by later deploys",
    )
    command.add_argument("--bucket", help="for builds; the account stack is then left alone")
    command.add_argument("--package", type=Path, default=HOME / "release", metavar="FOLDER", help="(%(default)s)")
    return command


def main(arguments: list[str]) -> int:
    command = parser()
    wanted = command.parse_args(arguments)
    unknown = set(wanted.stacks) - set(STACKS)
    if unknown:
        command.error(f"no such stack: {', '.join(sorted(unknown))}")
    pairs = [pair.partition("=") for pair in wanted.parameter]
    if any(not equals for _, equals, _ in pairs):
        command.error("parameters are NAME=VALUE")
    parameters = {name: value for name, _, value in pairs}
    stacks = tuple(wanted.stacks or USUAL)
    return told(_run, place_of(wanted), stacks, parameters, Package(wanted.package), wanted.bucket)


def _run(place: Place, stacks: tuple[str, ...], parameters: Mapping[str, str], package: Package, bucket: str) -> None:
    outputs = deploy(place, stacks, parameters, package, bucket, pause=0.1 if place.endpoint else 2.0)
    told = {name: text for name, text in sorted(outputs.items()) if not text.startswith("arn:")}
    width = max(len(name) for name in told)
    for name, text in told.items():
        print(f"{name:{width}}  {text}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
