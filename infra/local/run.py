"""`python3 -m infra run`: the whole system on this machine, for someone who writes a frontend against it."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from infra.local import samples
from infra.local.client import Deviation, Person
from infra.local.emulator import EmulatorFailed, HomeInUse
from infra.local.journey import Journey
from infra.local.logs import write_logs_to
from infra.local.people import LogIn, log_ins
from infra.local.stack import DeployFailed
from infra.local.system import System

HOME = Path(".local/run")
PORT = 8000


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python3 -m infra run", description=__doc__)
    arguments.add_argument("--port", type=int, default=PORT, metavar="N", help=f"the API's port (default {PORT})")
    port: int = arguments.parse_args().port
    console = Console()
    try:
        write_logs_to(HOME / "log.jsonl")
        with System(HOME, port) as system:
            for notice in system.notices:
                console.print(notice, highlight=False)
            people = log_ins(HOME)
            if not Person(system.url, "visitor").get("/events")["items"]:
                _seed(console, Journey(system, people, HOME))
            _introduce(console, system, people)
            system.wait()
    except (Deviation, EmulatorFailed, DeployFailed, HomeInUse) as failure:
        console.print(f"[bold red]Could not start:[/bold red] {failure}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped; the data is kept for the next start. `python3 -m infra reset` clears it.")
    return 0


def _seed(console: Console, journey: Journey) -> None:
    """A live event with photos on sale."""
    photos = list(track(samples.made_in(HOME / "photos"), "Gather sample photos", samples.how_many(), console=console))
    event = journey.plan()
    console.print("Uploading and processing them ...")
    uploaded = journey.upload(event["id"], photos, _silently, _silently)
    journey.review(event["id"], uploaded.ready_after, _silently)


def _silently(count: int) -> None:
    """Progress that nobody watches."""


def _introduce(console: Console, system: System, people: dict[str, LogIn]) -> None:
    places = Table(title="The system is running. Ctrl-C stops it.", title_justify="left", show_header=False)
    places.add_row("API", f"{system.url}  (also under /api and /api/v1)")
    places.add_row("Documentation", f"{system.url}/docs")
    places.add_row("OpenAPI document", f"{system.url}/openapi.json")
    places.add_row("Websockets", f"{system.live_url}  (with a ticket of POST /live/tickets)")
    places.add_row("Mailbox of sent mail", system.mailbox_url)
    gateways = (
        system.paynoi,
        system.stripe,
        system.paypal,
        system.crypto,
        system.cloudpayments,
        system.kaspi,
        system.bank,
    )
    places.add_row("Payment sandboxes", ", ".join(each.url for each in gateways))
    places.add_row("Log", str(HOME / "log.jsonl"))
    console.print(places, highlight=False)
    table = Table(title="Log-ins of this machine, made up for it", title_justify="left")
    for column in ("role", "e-mail", "password"):
        table.add_column(column)
    for person in people.values():
        table.add_row(person.role, person.email, person.password)
    console.print(table, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
