"""
Loses nodes of a Galera cluster under load: `python -m tests.cluster.campaign [--faults kill freeze …] [--rounds 3]`.

Three nodes with the files of `deploy/galera`, in networks of their own, haproxy before them, a Flight Service, two web
servers and `run_worker`, all real. Clients book, pay, cancel and read what they were told of. Then everything that a
client has heard is looked for in the tables, and both sides' seats are compared. It fails if anything acknowledged is
lost, adrift or there twice, if a booking that exists was not found, and if clients got no good answer for longer than
a fault may take. Needs root and packages: `sh devtools/system_packages.sh cluster`.
"""

import os
import sys
from argparse import ArgumentParser
from importlib import import_module

from tests.campaigns.__main__ import prepare, run
from tests.cluster.galera import missing


def main() -> int:
    os.environ["DATABASE_CLUSTER"] = "galera"
    prepare()
    # Not before it is set up.
    faults = import_module("tests.cluster.faults")
    parser = ArgumentParser(prog="python -m tests.cluster.campaign", description=__doc__)
    names = list(faults.FAULTS)
    parser.add_argument("--faults", nargs="+", choices=names, default=names, metavar="FAULT", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3, help="how often each (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="begin with copies, instead of nodes that are filled, and judge no times"
    )
    options = parser.parse_args()
    if lacks := missing():
        print(lacks, file=sys.stderr)
        return 2
    return run(lambda: faults.play(options))


if __name__ == "__main__":
    sys.exit(main())
