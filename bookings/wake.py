"""Wakes the worker. A task says who woke it and nothing else: what there is to do stands in the tables."""

# Note [One place for a wake-up]
# A pass does everything that is due, so two wake-ups that wait are one too many: beyond a dozen cancellations a
# second the queue would only grow. So a wake-up has one place in the queue, a row with a fixed id, and is inserted
# there unless one is. It waits until a worker takes it, which deletes it: while a pass runs the place is free
# again, as that pass may have gone past what is new. The database decides which came first. An insertion that
# finds the row comes before its deletion, and so before the pass that it announces; one that comes after makes a
# new row. The work is committed before the wake-up is asked for. So no wake-up is lost between the two, unless the
# worker dies with it: then the next scheduled pass does the same, EXPIRY_INTERVAL_SECONDS later. The task that tells
# others what has happened has a place of its own: the worker itself puts it there when it sees that there is news.
# So have the one that sends webhooks and the one that sends mails; but these keep their places for as long as they
# begin sendings. Receivers and mail servers may hang, and more of them would only take the workers from the passes. If
# one dies, its place is taken again after a while.

from datetime import timedelta

import structlog
from django.db import Error
from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.models import OrmQ
from django_q.tasks import async_task

from bookings.conf import PASS_SECONDS
from bookings.db.packets import together
from bookings.db.rows import insertion
from bookings.db.transactions import in_one_statement
from bookings.db.waiting_line import lines
from bookings.errors import TemporarilyUnavailable
from bookings.observability import metrics, tracing

log = structlog.get_logger(__name__)

PASSES_TASK = "bookings.tasks.run_pass"

TELLING_TASK = "bookings.tasks.tell"

DELIVERING_TASK = "bookings.tasks.deliver"

MESSAGES_TASK = "bookings.tasks.send_messages"

# Below those that the table itself gives out, of which none is used up.
PLACE = -1
PLACES = {PASSES_TASK: PLACE, TELLING_TASK: -2, DELIVERING_TASK: -3, MESSAGES_TASK: -4}

# Places that are kept while their tasks run, and for how long at most: they begin nothing for longer than that.
KEPT_PLACES = (PLACES[DELIVERING_TASK], PLACES[MESSAGES_TASK])
KEPT_FOR = timedelta(seconds=2 * PASS_SECONDS)


class _OnePlace(ORM):  # type: ignore[misc]  # django-q2 has no types
    """The queue, for what need not wait there twice. See Note [One place for a wake-up]."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self._place = place

    def enqueue(self, task: str) -> int:
        row = OrmQ(pk=self._place, key=self.list_key, payload=task, lock=Now())
        together(insertion(row, or_leave=True))
        return self._place


def wake_worker() -> None:
    """
    Ask for a pass at once, after the transaction that made work for it, never in it.

    No decision depends on it: if it cannot be written, that is logged and counted, and the next scheduled pass finds
    the same work. If another session locks the place, at most two threads of this process wait for it.
    """
    try:
        ask_for(PASSES_TASK, traceparent=tracing.traceparent())
    except (Error, TemporarilyUnavailable) as error:
        metrics.WAKE_UPS_LOST.inc()
        log.warning("worker.not_woken", error=type(error).__name__)


@in_one_statement("sender.left")
def leave_place(task: str) -> None:
    """Let a task be asked for again that keeps its place; for that task, once it begins no more sendings."""
    OrmQ.objects.filter(pk=PLACES[task]).delete()


@in_one_statement("worker.wake")
def ask_for(task: str, **said: str) -> None:
    """Ask for a task that has a place of its own; for the worker, once it has seen that there is something to do."""
    options = {"save": False, "broker": _OnePlace(PLACES[task])}
    with lines.place_for("wake-up"):
        async_task(task, **said, q_options=options)
