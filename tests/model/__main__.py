"""
Search the models of the protocols, and the broken variants of them, which must be found out.

    python -m tests.model [seats] [payments] [refunds] [--full]
"""

import sys
from argparse import ArgumentParser

from tests.model.explore import explore
from tests.model.scenarios import MODELS


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.model", description="Search the models of the protocols.")
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"{' or '.join(MODELS)}; all of them without a name")
    parser.add_argument("--full", action="store_true", help="with more faults at once: many minutes")
    options = parser.parse_args()
    if unknown := set(options.names) - MODELS.keys():
        parser.error(f"there is no model {', '.join(sorted(unknown))}")
    failed = False
    for name in options.names or MODELS:
        model = MODELS[name]
        for scenario, bounds in (model.full if options.full else model.quick).items():
            found = explore(model.of(bounds))
            failed |= bool(found.wrong)
            print(f"{name}, {scenario}: {found}", flush=True)
        for rule, broken in model.broken.items():
            found = explore(model.of(broken.bounds, rule), only=broken.wrong)
            failed |= found.wrong != broken.wrong
            steps = f"after {len(found.trace)} steps, {found.states:,} states"
            print(f"{name}, broken: {rule}: {found.wrong or 'NOT FOUND OUT'} {steps}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
