from typing import Any

from bookings import wiring
from bookings.management.one_pass import PassCommand
from bookings.services.upkeep.run_pass import run_pass


class Command(PassCommand):
    help = (
        "Runs one pass: expires, cancels in bulk, gives seats back, asks again, settles payments and refunds what "
        "is due. Needs no worker. Exits with 1 if seats could not be given back, or if nothing expires because the "
        "database's clock is in doubt."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.report(
            lambda: run_pass(flights=wiring.flight_service(), payments=wiring.payment_gateways()),
            as_json=options["json"],
        )
