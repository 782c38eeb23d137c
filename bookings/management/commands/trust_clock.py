from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from bookings.services.upkeep.trust_clock import trust_clock


class Command(BaseCommand):
    help = (
        "Says that the database's clock is right although it jumped, or although no pass ran for a long time: by its "
        "time bookings expire, calls are given up and old rows are deleted again at once. First look what it shows: "
        "`manage.py doctor` says how far it is from this machine's clock."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        shown = trust_clock()
        off = (shown - datetime.now(UTC)).total_seconds()
        self.stdout.write(f"Trusted: {shown:%Y-%m-%d %H:%M:%S} UTC, {off:+.1f} s against this machine's clock.")
