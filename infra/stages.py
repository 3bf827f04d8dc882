"""How an operator's command reaches the tables of a stage, and what it must have imported to read them.

`local` is what `python3 -m infra run` keeps running in this folder. Any other stage is in AWS, in the account and
region of the operator's own profile (`AWS_PROFILE`, `AWS_REGION`): the command needs no more than its tables.
"""

import importlib
import json
import os
import pkgutil
from pathlib import Path

import chalicelib
from infra.local.stack import APP, CREDENTIALS, REGION

HOME = Path(".local/run")
STAGES = ("local", "dev", "staging", "prod")

# Settings that only the application uses; a command about tables reaches none of them.
_UNUSED = {
    "PIX_ORIGINALS_BUCKET": "unused",
    "PIX_PREVIEWS_BUCKET": "unused",
    "PIX_DOCUMENTS_BUCKET": "unused",
    **{
        f"PIX_{queue}_QUEUE": "https://unused.invalid"
        for queue in ("UPLOADS", "PAYMENTS", "EMAILS", "JOBS", "WEBHOOKS")
    },
    "PIX_SECRET_ID": "unused",
    "PIX_API_URL": "https://unused.invalid",
    "PIX_MAIL_FROM": "unused@unused.invalid",
    "PIX_PAYNOI_URL": "https://unused.invalid",
    "PIX_LIVE_URL": "wss://unused.invalid",
}


class NotReached(RuntimeError):
    """The stage can not be reached; the text says what to do."""


def enter(stage: str, home: Path = HOME) -> None:
    """Point this process at a stage: chalicelib's settings and boto3's. Raises NotReached."""
    os.environ.update(_UNUSED | {"PIX_APP": APP, "PIX_STAGE": stage})
    if stage == "local":
        os.environ.update(_local(home))
    load_records()


def load_records() -> None:
    """Import every store, which registers its records, and every migration."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.rpartition(".")[2] in ("store", "migrations", "outbox", "once", "limits", "tallies"):
            importlib.import_module(module.name)


def _local(home: Path) -> dict[str, str]:
    try:
        endpoint = json.loads((home / "system.json").read_text())["urls"]["Emulator"]
    except FileNotFoundError:
        raise NotReached("Nothing runs on this machine: start it with python3 -m infra run.") from None
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
