"""`python3 -m infra bench NAME`: every bench is a module that reads its own arguments. Without a name: all of them.

All of them run one after the other, each in a process of its own; then one table shows what each measured. The exit
code is 1 when one fails: a budget is exceeded, a goal missed, something grows or is lost.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console

from infra.bench.report import AREAS, FIGURES, MARK
from infra.figures import DOCUMENT, document, kept, table

BENCHES = {
    "cold": "what a cold start of each function costs, beside the bare interpreter",
    "calls": "what each route asks of AWS, with small and with large tables",
    "images": "our renderer beside sharp, pyvips, Pillow and thumbor: time, likeness, memory",
    "usage": "what a photo, an order and a visit ask of AWS, on the system of one machine",
    "zip": "a ZIP file of a gigabyte, built in constant memory by a process that is killed on its way",
    "faces": "how long the embedded engine looks for a face among 1,000, 10,000 and 100,000",
    "load": "the whole system under 20 clients, a burst of photos and one of webhooks; nothing may be lost",
}


def main() -> int:
    names = {**BENCHES, "all": "all of these, and one table; --document puts it into the documentation"}
    parser = argparse.ArgumentParser(
        prog="python3 -m infra bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(f"{name:8} {text}" for name, text in names.items()),
    )
    parser.add_argument("name", nargs="?", choices=names, default="all", metavar="NAME", help="NAME --help says more")
    parser.add_argument("--document", action="store_true", help=f"put the figures of the last runs into {DOCUMENT}")
    if sys.argv[1:2] and sys.argv[1] in BENCHES:
        result: int = importlib.import_module(f"infra.bench.{sys.argv[1]}").main(sys.argv[2:])
        return result
    return run_all(list(BENCHES), with_document=parser.parse_args().document)


def run_all(benches: Sequence[str], *, with_document: bool) -> int:
    console, failed = Console(), []
    for name in benches:
        console.rule(f"{AREAS[name]}: bench {name}", align="left")
        if subprocess.run([sys.executable, "-m", "infra.bench", name], check=False).returncode:
            failed.append(name)
    if not FIGURES.exists():
        console.print("[red]No bench came to an end.")
        return 1
    told = json.loads(FIGURES.read_text())
    if with_document:
        document(told, MARK)
    console.print(table(kept(told)))
    console.print(f"{told['machine']}. The same as JSON: {FIGURES}")
    console.print(f"[red]Failed: {', '.join(failed)}." if failed else "[green]Every budget and goal was held.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
