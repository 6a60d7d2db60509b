"""Print the figures of one or several checkouts: ``python -m tests.house [--json] [ROOT ...]``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.house.figures import count
from tests.house.table import table

HERE = Path(__file__).parent.parent.parent


def main() -> int:
    """Print them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=main.__doc__)
    parser.add_argument("roots", metavar="ROOT", nargs="*", type=Path, help="a checkout; this one")
    parser.add_argument("--json", action="store_true", help="one document, with every place")
    options = parser.parse_args()
    try:
        several = [count(root) for root in options.roots or [HERE]]
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        json.dumps([asdict(one) for one in several], indent=1) if options.json else table(several)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
