"""What the web server loads. What would be refused at the first request is refused here."""

import os

import structlog
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")

django_application = get_wsgi_application()

from bookings import wiring  # noqa: E402 - needs the settings
from bookings.db import limits  # noqa: E402
from bookings.db.error_numbers import UnsafeSession  # noqa: E402
from bookingsite.processes.beating import begin_to_beat  # noqa: E402
from bookingsite.web.lanes import Lanes  # noqa: E402

# A key set or an address that cannot be used; nobody is asked yet, as others may start after this.
wiring.signing_keys()
wiring.rate_limiter()
limits.use(limits.WEB)
for connection in connections.all():
    try:
        # A session that is not safe. A database that is not there yet, or is a replica still, is waited for:
        # requests answer 503, and without a replica the primary serves the lists.
        connection.ensure_connection()
    except OperationalError as error:
        if isinstance(error, UnsafeSession) and not error.may_pass:
            raise
        structlog.get_logger(__name__).warning(
            "database.not_there_yet", what=connection.alias, error=type(error).__name__
        )
    finally:
        connection.close()

application = Lanes(django_application, threads=settings.WEB_THREADS)
begin_to_beat(application)
