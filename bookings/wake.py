"""Wakes the worker. The task carries nothing: what there is to do stands in the tables."""

from django_q.tasks import async_task

SWEEP_TASK = "bookings.tasks.sweep"


def wake_worker() -> None:
    """
    Ask for a pass at once, in the caller's transaction: the row appears with its COMMIT, or not at all.

    Losing it loses nothing, the next scheduled pass finds the same work.
    """
    async_task(SWEEP_TASK, q_options={"save": False})
