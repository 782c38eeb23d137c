"""What the web server loads. A fault that would break the first request ends the start here."""

import gc
import os
import threading
from importlib import import_module

import structlog
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")

django_application = get_wsgi_application()

from bookings import wiring  # noqa: E402 - needs the settings
from bookings.db import limits  # noqa: E402
from bookings.db.error_numbers import UnsafeSession  # noqa: E402
from bookingsite.config.checks import refuse_what_is_wrong  # noqa: E402
from bookingsite.processes.beating import begin_to_beat  # noqa: E402
from bookingsite.web.lanes import Lanes  # noqa: E402

refuse_what_is_wrong()
# With all views: otherwise the first request would load them, and the next ones wait for it.
import_module(settings.ROOT_URLCONF)
# Refuses a key set or an address that cannot be used; asks no other service, as they may start after this one.
wiring.signing_keys()
wiring.rate_limiter()
# Loads what a gateway needs, which may take half a second: the first one who pays must not wait for that.
wiring.payment_gateway()
limits.use(limits.WEB)
# The framework's own looks for an event loop at each access, twenty times a create; no thread here ever has one.
connections._connections = threading.local()  # type: ignore[attr-defined]  # not in the stubs
for connection in connections.all():
    try:
        # Refuses an unsafe session. A database that is not there yet, or is still a replica, is no reason to end:
        # requests answer 503 until it is ready, and without a replica the primary serves the lists.
        connection.ensure_connection()
    except OperationalError as error:
        if isinstance(error, UnsafeSession) and not error.may_pass:
            raise
        structlog.get_logger(__name__).warning(
            "database.not_there_yet", what=connection.alias, error=type(error).__name__
        )
    finally:
        connection.close()

# What is there now stays: the collector would look at all of it time and again.
gc.collect()
gc.freeze()
application = Lanes(django_application, threads=settings.WEB_THREADS)
begin_to_beat(application)
