"""Limits that the database counts: exact, and shared by everything that uses it."""

import math
from datetime import timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from bookings.conf import CLOCK_TOLERANCE
from bookings.db.waiting_line import lines
from bookings.models import RateWindow
from bookings.ports import Allowance

# A round is lost only to another request that was counted, or that began the window, in between.
ROUNDS = 100


class DatabaseRateLimiter:
    """
    One row for each name. Never inside a transaction: a row that many requests want must be released at once.

    A full window costs one plain read, so that a refused request does not make others wait. Otherwise one
    conditional UPDATE decides; of several at once, all but the first find the row changed, and read it again.
    """

    def spend(self, name: str, *, limit: int, seconds: int) -> Allowance:
        for _ in range(ROUNDS):
            row = RateWindow.objects.annotate(read_at=Now()).filter(name=name).first()
            if row is None:
                RateWindow.objects.bulk_create([RateWindow(name=name, started_at=Now(), used=0)], ignore_conflicts=True)
                continue
            began_after = row.read_at - timedelta(seconds=seconds)
            # A window that begins in the future was written while the clock was ahead: it locks no client out.
            too_late = row.read_at + CLOCK_TOLERANCE
            if row.started_at <= began_after or row.started_at > too_late:
                over = RateWindow.objects.filter(name=name, started_at=row.started_at)
                if _change(name, over, started_at=row.read_at, used=1):
                    return Allowance(passed=True, limit=limit, remaining=limit - 1, resets_in=seconds)
                continue
            resets_in = min(seconds, math.ceil((row.started_at - began_after).total_seconds()))
            if row.used >= limit:
                return Allowance(passed=False, limit=limit, remaining=0, resets_in=resets_in)
            mine = RateWindow.objects.filter(name=name, started_at__gt=began_after, used__lt=limit)
            if _change(name, mine, used=F("used") + 1):
                return Allowance(passed=True, limit=limit, remaining=limit - row.used - 1, resets_in=resets_in)
        raise AssertionError(f"{ROUNDS} rounds for one limit were lost to others")

    def give_back(self, name: str) -> None:
        RateWindow.objects.filter(name=name, used__gt=0).update(used=F("used") - 1)


def _change(name: str, rows: QuerySet[RateWindow], **columns: Any) -> int:
    """
    Change the row, if it is still as it was read.

    :raises TemporarilyUnavailable: if too many requests wait for this row
    """
    with lines.place_for(f"limit {name}"):
        return rows.update(**columns)
