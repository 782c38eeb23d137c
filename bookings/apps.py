from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from bookings.db.safe_session import refuse_unsafe_session


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = _("Bookings")

    def ready(self) -> None:
        connection_created.connect(refuse_unsafe_session, dispatch_uid="bookings.db.safe_session")
        checks.register(warn_of_plaintext, checks.Tags.security, deploy=True)


def warn_of_plaintext(**_: Any) -> list[checks.CheckMessage]:
    """Warn of a Flight Service on another machine that is asked without TLS."""
    if not getattr(settings, "FLIGHT_SERVICE_IS_PLAINTEXT", False):
        return []
    return [
        checks.Warning(
            "FLIGHT_SERVICE_URL has http://: prices and seats can be read and changed on their way",
            hint="Use https://, or name the host in FLIGHT_SERVICE_PLAINTEXT_HOST if that is meant.",
            id="bookings.W001",
        )
    ]
