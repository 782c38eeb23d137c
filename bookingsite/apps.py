from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import import_string


class BackOfficeConfig(AdminConfig):
    default_site = "bookings.office.site.BackOffice"


class TelemetryConfig(AppConfig):
    """Starts collecting spans, where that is wanted."""

    name = "bookingsite"

    def ready(self) -> None:
        if settings.OTEL_ENABLED:
            # By its name: without this setting its packages need not be installed.
            import_string("bookingsite.telemetry.start")()
