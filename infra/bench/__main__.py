"""`python3 -m infra bench NAME`: every bench is a module that reads its own arguments."""

import argparse
import importlib
import sys

BENCHES = {
    "cold": "what a cold start of each function costs, beside the bare interpreter",
    "usage": "what a photo, an order and a visit ask of AWS, on the system of one machine",
    "images": "our renderer beside sharp, pyvips, Pillow and thumbor: time, likeness, memory",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(f"{name:8} {text}" for name, text in BENCHES.items()),
    )
    parser.add_argument("name", choices=BENCHES, metavar="NAME", help=f"{', '.join(BENCHES)}; NAME --help says more")
    name = parser.parse_args(sys.argv[1:2]).name
    result: int = importlib.import_module(f"infra.bench.{name}").main(sys.argv[2:])
    return result


if __name__ == "__main__":
    sys.exit(main())
