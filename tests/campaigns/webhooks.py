"""
Tell many receivers what happens, while some of them hang, and processes are killed.

A MariaDB, a worker, and receivers that verify by the library of the standard, all real. Wrong is an event that never
comes, comes with other bytes or is not believed; receivers that answer and wait for those that hang; and a booking
whose events have a hole.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from tests.campaigns.stack import private_database
from tests.campaigns.telling.flows import many, most_hang, start_flow
from tests.campaigns.telling.kills import POINTS, start_kills
from tests.campaigns.verdict import Round

FLOW, HANGING, KILLS = PARTS = ("flow", "hanging", "kills")


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=10_000, help="to two receivers (default: %(default)s)")
    parser.add_argument("--isolated", type=int, default=1_000, help="events while 16 of 20 hang (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help=f"at each of {len(POINTS)} points (default: %(default)s)")


def play(options: Namespace) -> Iterator[Round]:
    if {FLOW, HANGING} & set(options.parts):
        with private_database(), start_flow() as flow:
            if FLOW in options.parts:
                yield many(flow, events=options.events, hanging=0, limit_seconds=60)
                yield many(flow, events=options.events, hanging=1, limit_seconds=60)
            if HANGING in options.parts:
                yield from most_hang(flow, events=options.isolated, endpoints=20, hanging=16, limit_seconds=15)
    if KILLS in options.parts:
        with private_database(), start_kills() as kills:
            for point in POINTS:
                yield kills.at(point, rounds=options.kills)
