"""
A payment gateway that outlives the processes which ask it: keyed, and kept in a file of its own.

Selected by a setting (`PAYMENT_GATEWAY`), so it reads what it needs from the environment: `DURABLE_PAYMENTS`
is its file, `DURABLE_PAYMENTS_DROP` the share of answers that get lost after the money has moved.
"""

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from bookings.gateways.payments.quiet import QuietGateway
from bookings.ports import (
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    DisputeOutcome,
    Intent,
    Notice,
    Opened,
    OpenOutcome,
    Refunded,
    RefundOrder,
    RefundOutcome,
    Unknown,
)
from tests.support.signed_notices import SECRET, a_dispute, read_signed_notice

# Several processes write to one file; none holds it for longer than a millisecond.
LOCK_WAIT_SECONDS = 20.0

SCHEMA = """
    CREATE TABLE IF NOT EXISTS charge (key TEXT PRIMARY KEY, reference TEXT, amount TEXT);
    CREATE TABLE IF NOT EXISTS closed (key TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS refund (key TEXT PRIMARY KEY, charge_key TEXT, amount INTEGER, whole INTEGER);
"""


class DurablePayments(QuietGateway):
    """Takes every payment, once for each key. A charge that was answered is on disk, as at a real gateway."""

    name = "durable"
    settles_here = False

    def __init__(self, file: str = "", *, drop_rate: float | None = None) -> None:
        self.file = file or os.environ["DURABLE_PAYMENTS"]
        self._drop_rate = float(os.environ.get("DURABLE_PAYMENTS_DROP", "0")) if drop_rate is None else drop_rate
        with self._opened() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        return Opened(f"durable-{intent.key}")

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        with self._opened() as database:
            database.execute(
                "INSERT OR IGNORE INTO charge SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM closed WHERE key = ?)",
                (str(intent.key), intent.reference, str(intent.money), str(intent.key)),
            )
        return Unknown("answer lost") if self._loses_its_answer() else self._stands(intent)

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        return Unknown("answer lost") if self._loses_its_answer() else self._stands(intent)

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        with self._opened() as database:
            database.execute(
                "INSERT OR IGNORE INTO closed SELECT ? WHERE NOT EXISTS (SELECT 1 FROM charge WHERE key = ?)",
                (str(intent.key), str(intent.key)),
            )
        return Unknown("answer lost") if self._loses_its_answer() else self._stands(intent)

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        with self._opened() as database:
            database.execute(
                "INSERT OR IGNORE INTO refund VALUES (?, ?, ?, ?)",
                (str(order.key), str(order.intent.key), order.money.amount, order.intent.money.amount),
            )
        return Unknown("answer lost") if self._loses_its_answer() else Refunded()

    def _stands(self, intent: Intent) -> ChargeOutcome:
        with self._opened() as database:
            if database.execute("SELECT 1 FROM charge WHERE key = ?", (str(intent.key),)).fetchone():
                return Charged(intent.money, intent.key)
            is_closed = database.execute("SELECT 1 FROM closed WHERE key = ?", (str(intent.key),)).fetchone()
        return Closed() if is_closed else AwaitsPayer()

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        """Show any payment as disputed: the dispute's name is that of its payment, and a mark before it."""
        shown = a_dispute(dispute_id.removeprefix("dp_"), dispute_id)
        return Unknown("answer lost") if self._loses_its_answer() else shown

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return read_signed_notice(body, headers, secrets=(SECRET,))

    def charged(self) -> Counter[str]:
        """Charges of each booking that was ever charged, without those that went back as a whole, by its reference."""
        with self._opened() as database:
            rows = database.execute(
                "SELECT c.reference, COUNT(*) - SUM(COALESCE(("
                " SELECT SUM(r.amount) / MAX(r.whole) FROM refund r WHERE r.charge_key = c.key), 0))"
                " FROM charge c GROUP BY c.reference"
            )
            return Counter(dict(rows))

    def forget(self) -> None:
        """Forget every charge and refund."""
        with self._opened() as database:
            database.executescript("DELETE FROM charge; DELETE FROM closed; DELETE FROM refund;")

    def _loses_its_answer(self) -> bool:
        return random.random() < self._drop_rate

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, timeout=LOCK_WAIT_SECONDS)) as database, database:
            yield database
