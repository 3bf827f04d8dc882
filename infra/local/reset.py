"""`python3 -m infra reset`: forget what demo, run and drill keep in `.local/`."""

import shutil
import sys
from pathlib import Path

from infra.local.emulator import HomeInUse, clear_state

HOMES = (Path(".local/run"), Path(".local/demo/system"), Path(".local/drill/system"))


def main() -> int:
    for home in HOMES:
        if not home.exists():
            continue
        try:
            clear_state(home)
        except HomeInUse as refusal:
            print(refusal, file=sys.stderr)
            return 1
        shutil.rmtree(home)
    for folder in (".local/demo", ".local/drill"):
        shutil.rmtree(folder, ignore_errors=True)
    print("Everything that demo, run and drill had stored is gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
