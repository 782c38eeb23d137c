import contextlib
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import timedelta
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from bookings import queries
from bookings.clock import database_time

log = structlog.get_logger(__name__)

# A pass takes 20 s at most and begins every EXPIRY_INTERVAL_SECONDS: longer silence is a wedged cluster.
SILENCE_SECONDS = 45

# A cluster in good order stops in a second or two.
GRACE_SECONDS = 4.0

LOOK_EVERY_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Runs the background cluster and watches it: a cluster that dies, or that finishes no pass any "
        "more, is started again. What production runs."
    )

    _stop = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--silence",
            type=float,
            default=SILENCE_SECONDS + settings.EXPIRY_INTERVAL_SECONDS,
            help="seconds without a finished pass after which the cluster is started again",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        while not self._stop:
            self._run_cluster(timedelta(seconds=options["silence"]))

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _run_cluster(self, silence: timedelta) -> None:
        """Run one cluster until it dies, falls silent, or this command is asked to stop."""
        # A session of its own: a signal to the whole process group makes django-q2 hang for good.
        cluster = subprocess.Popen([sys.executable, sys.argv[0], "qcluster"], start_new_session=True)
        started = time.monotonic()
        log.info("worker.cluster_started", pid=cluster.pid)
        try:
            while not self._stop and cluster.poll() is None:
                time.sleep(LOOK_EVERY_SECONDS)
                running = timedelta(seconds=time.monotonic() - started)
                if running > silence and _is_silent(silence):
                    log.error("worker.cluster_silent", pid=cluster.pid)
                    break
            if cluster.returncode is not None:
                log.error("worker.cluster_died", pid=cluster.pid, status=cluster.returncode)
                time.sleep(LOOK_EVERY_SECONDS)  # a cluster that cannot start must not spin
        finally:
            _stop_cluster(cluster)


def _is_silent(silence: timedelta) -> bool:
    """Ask the database when the last pass finished. One that does not answer proves nothing, nor does a pause."""
    try:
        finished_at = queries.last_pass_finished_at()
        is_old = finished_at is None or database_time() - finished_at > silence
        return is_old and not queries.sweep_rests()
    except DatabaseError:
        log.warning("worker.database_unreachable")
        return False
    finally:
        connection.close()


def _stop_cluster(cluster: subprocess.Popen[bytes]) -> None:
    """Ask the main process alone to stop, then end what is left of its group."""
    if cluster.poll() is None:
        cluster.send_signal(signal.SIGTERM)
        try:
            cluster.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("worker.cluster_killed", pid=cluster.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(cluster.pid, signal.SIGKILL)
    cluster.wait()
