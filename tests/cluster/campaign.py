"""
Loses nodes of a database cluster under load: `python -m tests.cluster.campaign [--cluster patroni] [--faults kill …]`.

Three nodes of MariaDB with Galera, or of PostgreSQL under Patroni, with the files of `deploy/`, in networks of their
own, haproxy before them, a Flight Service, two web servers and `run_worker`, all real. Clients book, pay, cancel and
read what they were told of. Then everything that a client has heard is looked for in the tables, and both sides' seats
are compared. It fails if anything acknowledged is lost, adrift or there twice, if a booking that exists was not found,
and if clients got no good answer for longer than a fault may take. Needs root and packages:
`sh devtools/system_packages.sh cluster`.
"""

import os
import sys
from argparse import ArgumentParser
from importlib import import_module

from tests.campaigns.__main__ import DATABASES, prepare, run

CLUSTERS = {"galera": DATABASES["mariadb"], "patroni": DATABASES["postgresql"]}
FAULTS = ("kill", "freeze", "cut", "follower cut", "no quorum", "rolling restart", "switchover")


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.cluster.campaign", description=__doc__)
    parser.add_argument("--cluster", choices=CLUSTERS, default="galera", help="(default: %(default)s)")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS, metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="begin with copies, instead of nodes that are filled, and judge no times"
    )
    options = parser.parse_args()
    if options.cluster == "galera":
        os.environ["DATABASE_CLUSTER"] = "galera"
    prepare(database=CLUSTERS[options.cluster])
    # Not before it is set up.
    faults, module, network = (
        import_module(f"tests.cluster.{name}") for name in ("faults", options.cluster, "network")
    )
    if lacks := module.missing() or network.why_not():
        print(lacks, file=sys.stderr)
        return 2
    cluster = module.Galera(quick=options.quick) if options.cluster == "galera" else module.Patroni()
    return run(lambda: faults.play(cluster, options))


if __name__ == "__main__":
    sys.exit(main())
