from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import import_string

from bookingsite.config import checks


class BackOfficeConfig(AdminConfig):
    default_site = "bookings.office.site.BackOffice"


class SiteConfig(AppConfig):
    """Registers the checks of settings, and starts collecting spans where that is wanted."""

    name = "bookingsite"

    def ready(self) -> None:
        checks.register()
        if settings.OTEL_ENABLED:
            # By its name: without this setting its packages need not be installed.
            import_string("bookingsite.telemetry.start")()
