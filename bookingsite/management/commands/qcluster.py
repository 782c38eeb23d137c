import multiprocessing
import os
from typing import Any

import structlog
from django_q import cluster
from django_q.management.commands import qcluster

from bookings.db import limits

log = structlog.get_logger(__name__)


class StrictSentinel(cluster.Sentinel):  # type: ignore[misc]  # django-q2 has no types
    """
    A sentinel that ends the whole cluster when one of its processes was killed.

    A process that waits for work holds the lock of its queue. Killed (by the kernel, when memory runs out), it
    leaves it locked, and its replacement waits forever: the cluster would live and do nothing.
    """

    def reincarnate(self, process: Any) -> None:
        """Replace a process that ended by itself. Called by the sentinel for each that it finds dead."""
        status = process.exitcode
        if status is None or status >= 0:
            super().reincarnate(process)
            return
        log.error("worker.process_killed", pid=process.pid, status=status)
        for other in multiprocessing.active_children():
            other.kill()
        os._exit(1)  # an orderly exit would wait forever


class Command(qcluster.Command):  # type: ignore[misc]  # likewise
    """django-q2's own command, with a strict sentinel. Only `run_worker` starts a cluster that ended again."""

    def handle(self, *args: Any, **options: Any) -> None:
        limits.use(limits.WORKER)
        cluster.Sentinel = StrictSentinel
        super().handle(*args, **options)
