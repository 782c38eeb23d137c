"""What a worker says of itself: that it has begun, that it has finished a pass, and that it stops on purpose."""

# Note [Each worker has a heartbeat]
# Of two workers one may hang, and the other does all the work: the last pass of all does not show it until the other
# dies too. So each has a row, which its own passes overwrite. Passes are asked for once and taken by any worker, so
# one that was not given any for a while takes one by itself: see `bookingsite.broker`. Then silence always means that
# a worker hangs, or that its machine is gone. `run_worker` makes the row when it starts a cluster, and says goodbye
# when it was asked to stop: a worker that was taken away on purpose must not be missed. One that is killed cannot say
# goodbye. If it comes back under its name, it has its row again; otherwise it is missed for a day.

from datetime import datetime, timedelta

from bookings.db.clock import database_time
from bookings.db.rows import insert_or_change
from bookings.db.transactions import in_transaction
from bookings.models import WorkerHeartbeat


@in_transaction("worker.started")
def say_hello(name: str) -> None:
    """Write down that a worker begins its cluster; what was known of an earlier one of its name is forgotten."""
    now = database_time()
    row = WorkerHeartbeat(name=name, started_at=now, heard_at=now)
    insert_or_change(row, ["started_at", "begun_at", "finished_at", "heard_at", "has_stopped"])


@in_transaction("worker.stopped")
def say_goodbye(name: str) -> None:
    """Write down that a worker was asked to stop, or that its process is known to be gone."""
    WorkerHeartbeat.objects.filter(pk=name).update(has_stopped=True, heard_at=database_time())


def note_pass(name: str, *, took: timedelta, now: datetime) -> None:
    """
    Write down, by one statement, that a worker has finished a pass. Assumes an open transaction.

    A worker that has said goodbye is not missed again for a pass that was under way.
    """
    row = WorkerHeartbeat(name=name, started_at=now - took, begun_at=now - took, finished_at=now, heard_at=now)
    insert_or_change(row, ["begun_at", "finished_at", "heard_at"])
