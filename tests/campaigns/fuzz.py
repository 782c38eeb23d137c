"""
Send as many generated requests as asked for, valid and not.

A MariaDB, a Flight Service and a web server, all real, all private. Prints how often each operation gave each
status. Wrong is an answer that the API's own document does not describe, and any 5xx.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.stack import private_database
from tests.campaigns.verdict import Round
from tests.fuzz.run import Outcome, fuzz, table
from tests.fuzz.service import Service, a_service_and_customers, start_service

# A round of these takes about two minutes, and each round has a seed of its own.
EXAMPLES = 400
ROUND_SECONDS = 1200.0
# Seats of each flight; sold out within a round or two.
CAPACITY = 300


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=20_000, help="at least this many (default: %(default)s)")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="of a round (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round (default: %(default)s)")


def play(options: Namespace) -> Iterator[Round]:
    all_of_it, seed = Outcome(), options.seed
    with private_database(), start_service(capacity=CAPACITY) as service:
        while all_of_it.cases < options.cases and not all_of_it.failures:
            outcome = one_round(service, examples=options.examples, seed=seed)
            all_of_it.add(outcome)
            broken = sum(line["status"] >= 500 for line in service.answered())
            result = Round(f"seed {seed}", recovered_after=0.0, wrong=outcome.failures)
            result.figures = {"cases": outcome.cases, "s": outcome.seconds, "5xx": broken}
            result.wrong += [f"{broken} answers were 5xx"] if broken else []
            result.wrong += [] if outcome.cases else ["nothing was asked"]
            yield result
            seed += 1
    print(f"\n{table(all_of_it)}")


def one_round(service: Service, *, examples: int, seed: int) -> Outcome:
    """Send one round of requests, and let the service come to rest."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        callers = a_service_and_customers(service_examples=examples, customer_examples=examples, seed=seed)
        outcome = fuzz(service.url, callers, folder=Path(folder), limit=ROUND_SECONDS)
    outcome.failures += service.what_is_wrong()
    return outcome
