from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from bookings.services.upkeep.trust_clock import trust_clock


class Command(BaseCommand):
    help = (
        "Says that the database's clock is right although it jumped, or although nothing ran for a long time: "
        "bookings expire, calls are given up and old rows are trimmed again at once, by its time. Look first "
        "what it shows: `manage.py doctor` says how far it is from this machine's."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        shown = trust_clock()
        off = (shown - datetime.now(UTC)).total_seconds()
        self.stdout.write(f"Believed: {shown:%Y-%m-%d %H:%M:%S} UTC, {off:+.1f} s against this machine's clock.")
