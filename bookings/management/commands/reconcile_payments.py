import json
import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import wiring
from bookings.deadline import Deadline
from bookings.services.payments.reconcile import PaymentsCompared, reconcile_payments


class Command(BaseCommand):
    help = (
        "Compares our payments and refunds of the last two days with those that the payment gateways list, both ways; "
        "with --fix records here what a gateway knows for certain: money that came in, refunds that were made there, "
        "and its names. Nothing is changed at a gateway. Exits with 1 if they differ, fixed or not: run it again to "
        "see that they agree. Exits with 2 if a gateway gave no list."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="record here what the gateway knows for certain")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = reconcile_payments(
            payments=wiring.payment_gateways(),
            # No request waits for it, so it may take the time that all payments need.
            deadline=Deadline(math.inf),
            fix=options["fix"],
        )
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found)))
        else:
            self._say(found)
        if found.differences:
            fixed = f" {found.fixed} were recorded here." if options["fix"] else ""
            raise CommandError(f"Our payments and those of the gateways differ.{fixed}", returncode=1)
        if found.unread:
            raise CommandError(
                f"No list came from {', '.join(found.unread)}. `manage.py doctor` says more.", returncode=2
            )

    def _say(self, found: PaymentsCompared) -> None:
        for row in found.differences:
            about = " ".join(f"{name}={value}" for name, value in row.items() if name != "kind" and value)
            self.stdout.write(f"{row['kind']}: {about}")
        self.stdout.write(
            f"payments compared: {found.compared}, of other systems: {found.foreign}, "
            f"differences: {len(found.differences)}, recorded here: {found.fixed}"
        )


def _as_json(found: PaymentsCompared) -> dict[str, Any]:
    return {
        "payments_compared": found.compared,
        "payments_foreign": found.foreign,
        "differences": found.differences,
        "fixed": found.fixed,
        "unread": found.unread,
    }
