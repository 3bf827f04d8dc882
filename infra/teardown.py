"""`python3 -m infra teardown`: deletes the stacks of a stage, the last one first. What was sold stays.

Without a name: edge, alarms and app, which hold no data. The stack `data` must be named; its tables, buckets, keys and
its secret stay even then, and are listed.
"""

import argparse
import sys

from infra.aws import STACKS, Place, add_options, place_of, told
from infra.stacks import DeployFailed, delete_stack

USUAL = ("app", "alarms", "edge")
OF_A_STAGE = tuple(name for name in STACKS if name != "account")


def teardown(place: Place, stacks: tuple[str, ...], pause: float = 2.0) -> list[str]:
    """Delete these stacks; returns what stays. Raises DeployFailed."""
    cloudformation = place.client("cloudformation")
    return [
        left
        for name in reversed(OF_A_STAGE)
        if name in stacks
        for left in delete_stack(cloudformation, place.stack(name), pause=pause)
    ]


def is_meant(place: Place, stacks: tuple[str, ...]) -> bool:
    """Whether somebody types the name of the stage."""
    print(f"Deletes {', '.join(place.stack(name) for name in stacks)} in account {place.account}.")
    if not sys.stdin.isatty():
        raise DeployFailed("Nobody is here to confirm it. Say --yes if it is meant.")
    return input(f"Type {place.stage} to go on: ").strip() == place.stage


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra teardown", description=__doc__.partition("\n\n")[2])
    add_options(command)
    command.add_argument("stacks", nargs="*", metavar="STACK", help=f"{', '.join(OF_A_STAGE)}; without: all but data")
    command.add_argument("--yes", action="store_true", help="do not ask")
    return command


def main(arguments: list[str]) -> int:
    command = parser()
    wanted = command.parse_args(arguments)
    unknown = set(wanted.stacks) - set(OF_A_STAGE)
    if unknown:
        command.error(f"no such stack: {', '.join(sorted(unknown))}")
    return told(_run, place_of(wanted), tuple(wanted.stacks) or USUAL, wanted.yes)


def _run(place: Place, stacks: tuple[str, ...], is_confirmed: bool) -> None:
    if not (is_confirmed or is_meant(place, stacks)):
        raise DeployFailed("Nothing was deleted.")
    left = teardown(place, stacks, pause=0.1 if place.endpoint else 2.0)
    if left:
        print("What stays:", *left, sep="\n  ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
