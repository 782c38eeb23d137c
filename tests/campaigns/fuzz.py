"""The rounds of the campaign; `tests.fuzz.campaign` prepares the environment and runs this."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import django
from django.core.management import call_command

django.setup()

from tests.fuzz.run import Outcome, fuzz, table  # noqa: E402 - models can be imported only now
from tests.fuzz.service import (  # noqa: E402
    Service,
    a_service_and_customers,
    lines_of,
    printed_by,
    start_service,
)

# A round of these takes about two minutes, and each round has a seed of its own.
EXAMPLES = 400
ROUND_SECONDS = 1200.0
# Seats of each flight; sold out within a round or two.
CAPACITY = 300


def one_round(service: Service, *, seed: int) -> Outcome:
    """Send one round of requests, and let the service come to rest."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        callers = a_service_and_customers(service_examples=EXAMPLES, customer_examples=EXAMPLES, seed=seed)
        outcome = fuzz(service.url, callers, folder=Path(folder), limit=ROUND_SECONDS)
    outcome.failures += service.what_is_wrong()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="at least this many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    call_command("migrate", verbosity=0)
    all_of_it, seed, started = Outcome(), options.seed, time.monotonic()
    with start_service(capacity=CAPACITY) as service:
        while all_of_it.cases < options.cases and not all_of_it.failures:
            outcome = one_round(service, seed=seed)
            print(f"seed {seed}: {outcome.cases} cases in {outcome.seconds:.0f} s", flush=True)
            all_of_it.add(outcome)
            seed += 1
        answered = [line for line in lines_of(printed_by(service.web)) if line.get("event") == "request.answered"]
    broken = sum(line["status"] >= 500 for line in answered)
    print(f"\n{table(all_of_it)}\n")
    for failure in all_of_it.failures:
        print(failure)
    print(
        f"{all_of_it.cases} cases in {time.monotonic() - started:.0f} s, {len(answered)} requests answered, "
        f"{broken} with 5xx, {len(all_of_it.failures)} failures"
    )
    return 1 if all_of_it.failures or broken or not all_of_it.cases else 0


if __name__ == "__main__":
    sys.exit(main())
