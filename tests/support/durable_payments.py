"""
A payment gateway that outlives the processes which ask it: keyed, and kept in a file of its own.

Selected by a setting (`PAYMENT_GATEWAY`), so it reads what it needs from the environment: `DURABLE_PAYMENTS`
is its file, `DURABLE_PAYMENTS_DROP` the share of answers that get lost after the money has moved.
"""

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import UUID

from bookings.ports import Charged, ChargeOutcome, ChargeUnknown, Refunded, RefundOutcome, RefundUnknown
from bookings.text.money import Money

# Several processes write to one file; none holds it for longer than a millisecond.
LOCK_WAIT_SECONDS = 20.0

SCHEMA = """
    CREATE TABLE IF NOT EXISTS charge (key TEXT PRIMARY KEY, reference TEXT, amount TEXT);
    CREATE TABLE IF NOT EXISTS refund (key TEXT PRIMARY KEY, charge_key TEXT);
"""


class DurablePayments:
    """Takes every payment, once for each key. A charge that was answered is on disk, as at a real gateway."""

    settles_here = False

    def __init__(self, file: str = "", *, drop_rate: float | None = None) -> None:
        self.file = file or os.environ["DURABLE_PAYMENTS"]
        self._drop_rate = float(os.environ.get("DURABLE_PAYMENTS_DROP", "0")) if drop_rate is None else drop_rate
        with self._opened() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)

    def charge(self, *, key: UUID, amount: Money, reference: str) -> ChargeOutcome:
        with self._opened() as database:
            database.execute("INSERT OR IGNORE INTO charge VALUES (?, ?, ?)", (str(key), reference, str(amount)))
        return ChargeUnknown("answer lost") if self._loses_its_answer() else Charged()

    def refund(self, *, key: UUID, charge_key: UUID, amount: Money) -> RefundOutcome:
        with self._opened() as database:
            database.execute("INSERT OR IGNORE INTO refund VALUES (?, ?)", (str(key), str(charge_key)))
        return RefundUnknown("answer lost") if self._loses_its_answer() else Refunded()

    def charged(self) -> Counter[str]:
        """Charges minus refunds of each booking that was ever charged, by its reference."""
        with self._opened() as database:
            rows = database.execute(
                "SELECT c.reference, COUNT(DISTINCT c.key) - COUNT(r.key)"
                " FROM charge c LEFT JOIN refund r ON r.charge_key = c.key GROUP BY c.reference"
            )
            return Counter(dict(rows))

    def forget(self) -> None:
        """Forget every charge and refund."""
        with self._opened() as database:
            database.executescript("DELETE FROM charge; DELETE FROM refund;")

    def _loses_its_answer(self) -> bool:
        return random.random() < self._drop_rate

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, timeout=LOCK_WAIT_SECONDS)) as database, database:
            yield database
