"""What the commands `run_pass` and `expire_bookings` share: they print counts, and say why seats are still owed."""

import dataclasses
import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.db.clock import clock_is_proven
from bookings.services.upkeep.run_pass import ExpiryResult, PassResult


class PassCommand(BaseCommand):
    """A command that does work of the background without any worker. It may run beside one."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")

    def report(self, work: Callable[[], PassResult | ExpiryResult], *, as_json: bool) -> None:
        """
        Do the work, and print what it did.

        :raises CommandError: if something failed, seats could not be given back, or the clock is in doubt
        """
        try:
            result = work()
        except ExceptionGroup as error:
            raise CommandError(f"{error}; the log above says more") from error
        self.show(dataclasses.asdict(result), as_json=as_json)
        if not clock_is_proven():
            # The command ends before a clock has stood for long enough: each run would report zeros.
            raise CommandError(
                "Nothing expired: the database's clock jumped, or no pass has read it lately. `manage.py doctor` "
                "shows what it says; if that is right, `manage.py trust_clock`, and this again.",
                returncode=1,
            )
        if result.seats_still_owed:
            raise CommandError(_why_owed(result.seats_still_owed, dead=result.seats_needing_decision), returncode=1)

    def show(self, counts: dict[str, Any], *, as_json: bool) -> None:
        """Print counts in one line."""
        if as_json:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in counts.items()))


def _why_owed(seats: int, *, dead: int) -> str:
    """Say what becomes of seats that are not given back: the worker repeats calls, and not those that are dead."""
    said = []
    if queued := seats - dead:
        said.append(
            f"{queued} seats are not given back yet. They stay queued; the worker, or this command again, sends them "
            "when the Flight Service answers."
        )
    if dead:
        said.append(
            f"{dead} seats need a decision: their call is dead, and neither the worker nor this command sends it "
            "again. Decide in the back office, under Calls to the Flight Service."
        )
    return " ".join(said)
