from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from bookings.db.safe_session import refuse_unsafe_session


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = _("Bookings")

    def ready(self) -> None:
        connection_created.connect(refuse_unsafe_session, dispatch_uid="bookings.db.safe_session")
