from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import reset_queries
from django.utils.module_loading import import_string

from bookingsite.config import checks


class BackOfficeConfig(AdminConfig):
    default_site = "bookings.office.site.BackOffice"


class SiteConfig(AppConfig):
    """
    Registers the checks of settings, and starts collecting spans where that is wanted.

    Takes two things out of what Django does around each request: it closes caches, and none of ours has anything to
    close; it empties a log of statements, which is kept with DEBUG alone.
    """

    name = "bookingsite"

    def ready(self) -> None:
        checks.register()
        request_finished.disconnect(close_caches)
        if not settings.DEBUG:
            request_started.disconnect(reset_queries)
        if settings.OTEL_ENABLED:
            # By its name: without this setting its packages need not be installed.
            import_string("bookingsite.telemetry.start")()
