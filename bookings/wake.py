"""Wakes the worker. The task says who woke it and nothing else: what there is to do stands in the tables."""

from django_q.tasks import async_task

from bookings import tracing

SWEEP_TASK = "bookings.tasks.sweep"


def wake_worker() -> None:
    """
    Ask for a pass at once, in the caller's transaction: the row appears with its COMMIT, or not at all.

    Losing it loses nothing, the next scheduled pass finds the same work.
    """
    # The release before this one ignores keyword arguments that it does not know.
    async_task(SWEEP_TASK, traceparent=tracing.traceparent(), q_options={"save": False})
