"""Let a person vouch for the database's clock after it jumped."""

from datetime import datetime

import structlog

from bookings.db.clock import database_time, vouch_for_clock
from bookings.db.transactions import in_transaction

log = structlog.get_logger(__name__)


@in_transaction("clock.trust")
def trust_clock() -> datetime:
    """Write down that the database's clock is right now, and return what it shows. All processes go by that."""
    now = database_time()
    vouch_for_clock()
    log.warning("clock.believed", reason="a person vouches for it")
    return now
