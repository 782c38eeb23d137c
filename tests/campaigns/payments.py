"""
Pay, decline, walk away, cancel and refund, while a third of all calls to the payment gateway fails.

A MariaDB, a Flight Service, a stand-in for Stripe, a web server and a worker, all real. Wrong is a booking that is
charged twice, or paid without seats; seats that are given away while money can still come in; a refund above what was
paid; any payment or refund that the two sides do not have alike; and anything that stays open.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping

from bookings.models import Payment
from devtools.mariadb import PrivateMariaDB
from tests.campaigns.paying.kills import POINTS, start_kills
from tests.campaigns.paying.races import answer_at_the_deadline, pay_in_two_tabs, refund_in_parts
from tests.campaigns.paying.scene import A_THIRD, NOTICES, Scene, last_payment, start_scene
from tests.campaigns.paying.shoppers import crowd
from tests.campaigns.stack import private_database
from tests.campaigns.verdict import Round
from tests.support.invariants import answers_without_rows

KILLS = "kills"

# With twenty of staff for each.
REFUNDED_AT_ONCE = 4


def add_options(parser: ArgumentParser) -> None:
    parts = (*PARTS, KILLS)
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, metavar="PART", help=", ".join(parts))
    parser.add_argument("--payments", type=int, default=10_000, help="with faults (default: %(default)s)")
    parser.add_argument("--shoppers", type=int, default=48, help="at once (default: %(default)s)")
    parser.add_argument("--deadlines", type=int, default=2_000, help="rounds (default: %(default)s)")
    parser.add_argument("--tabs", type=int, default=500, help="rounds (default: %(default)s)")
    parser.add_argument("--refunds", type=int, default=64, help="payments with 20 refunds each (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=30, help="at each of 16 points (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)


def play(options: Namespace) -> Iterator[Round]:
    of_the_scene = [name for name in options.parts if name in PARTS]
    if of_the_scene:
        # Each thread of the web servers and of the shoppers has a connection of its own.
        with private_database(PrivateMariaDB("--max-connections=500")), start_scene() as scene:
            for name in of_the_scene:
                yield PARTS[name](scene, options)
    if KILLS in options.parts:
        with private_database(), start_kills(seed=options.seed) as kills:
            for point in POINTS:
                yield kills.at(point, rounds=options.kills)


def pay_in_every_way(scene: Scene, options: Namespace) -> Round:
    """Let shoppers come until so many payments have begun, while a third of the calls and of the notices fail."""
    result = Round("payments")
    scene.paysim.faults(**A_THIRD, **NOTICES, seed=options.seed)
    since = last_payment()
    diary = crowd(
        scene,
        payments=lambda: Payment.objects.filter(pk__gt=since).count(),
        wanted=options.payments,
        shoppers=options.shoppers,
        seed=options.seed,
    )
    scene.settle(result, since=since)
    result.wrong += answers_without_rows(diary.heard)
    print(f"how shoppers ended: {dict(diary.ends.most_common())}", flush=True)
    return result


def _deadlines(scene: Scene, options: Namespace) -> Round:
    return answer_at_the_deadline(scene, rounds=options.deadlines, at_once=options.shoppers, seed=options.seed)


def _tabs(scene: Scene, options: Namespace) -> Round:
    return pay_in_two_tabs(scene, rounds=options.tabs, at_once=options.shoppers // 3 + 1, seed=options.seed)


def _refunds(scene: Scene, options: Namespace) -> Round:
    return refund_in_parts(scene, rounds=options.refunds, at_once=REFUNDED_AT_ONCE, seed=options.seed)


PARTS: Mapping[str, Callable[[Scene, Namespace], Round]] = {
    "payments": pay_in_every_way,
    "deadlines": _deadlines,
    "tabs": _tabs,
    "refunds": _refunds,
}
