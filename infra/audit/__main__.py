"""The command."""

import argparse
import sys

from rich.console import Console

from chalicelib.core.settings import settings
from infra import audit, stages


def main(words: list[str] | None = None) -> int:
    """1 when something does not agree."""
    parser = argparse.ArgumentParser(prog="python3 -m infra audit", description=audit.__doc__)
    parser.add_argument("--stage", choices=stages.STAGES, default="local")
    parser.add_argument("--tables", metavar="PREFIX", help="as thepixstock-prod-restored; the stage's own without it")
    wanted = parser.parse_args(words)
    console = Console()
    try:
        stages.enter(wanted.stage)
    except stages.NotReached as reason:
        console.print(str(reason), highlight=False)
        return 1
    report = audit.audit(wanted.tables or f"{settings().app}-{settings().stage}")
    audit.show(console, report)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
