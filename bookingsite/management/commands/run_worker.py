import os
import re
import shutil
import signal
import socket
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand

from bookings.db import limits
from bookings.queries.upkeep.workers import NAME_VARIABLE
from bookingsite.processes.stall_detector import PROCESS, SilenceWatch
from bookingsite.processes.supervision import LOOK_EVERY_SECONDS, Program, StopSignals, private_folder
from bookingsite.processes.worker_metrics import serve_worker_metrics

log = structlog.get_logger(__name__)

# A pass takes 20 s at most, and a cluster begins one in each second slot of EXPIRY_INTERVAL_SECONDS at least: longer
# silence is a wedged cluster.
SILENCE_SECONDS = 45

# A healthy cluster stops in a second or two; a call that is cut off is sent again when its lease is over.
GRACE_SECONDS = 4.0

# As names of machines are; what is longer is cut off.
LONGEST_MACHINE = 64

# To say goodbye. While the database does not answer, nothing can be said.
GOODBYE_SECONDS = 1.0

# A cluster that cannot start must not use up a processor; one that had been healthy is started again at once.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
HEALTHY_AFTER_SECONDS = 60.0


class Command(BaseCommand):
    help = (
        "Runs the background cluster and watches it: a cluster that dies, or that finishes no pass any "
        "more, is started again. Production runs this."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--silence",
            type=float,
            default=SILENCE_SECONDS + 2 * settings.EXPIRY_INTERVAL_SECONDS,
            help="seconds without a finished pass of its own after which the cluster is started again",
        )
        parser.add_argument(
            "--name",
            type=_name,
            default=f"{PROCESS}{os.getpid()}",
            help="what this worker is called among those of this machine; after its process if omitted",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        limits.use(limits.WORKER)
        name = f"{socket.gethostname()[:LONGEST_MACHINE]}/{options['name']}"
        signals, watch = StopSignals(), SilenceWatch(name)
        pause = FIRST_PAUSE_SECONDS
        with private_folder("worker") as folder:
            serve_worker_metrics(folder / "metrics")
            while not signals.count:
                if not watch.database_answers():
                    # A cluster without one would die at its start.
                    signals.arrives_within(LOOK_EVERY_SECONDS)
                    continue
                started = time.monotonic()
                _run_cluster(name, signals, watch, folder / "metrics", silence_seconds=options["silence"])
                if time.monotonic() - started > HEALTHY_AFTER_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                if not signals.count:
                    signals.arrives_within(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        if watch.database_answers():
            watch.leave(seconds=GOODBYE_SECONDS)


def _name(text: str) -> str:
    """Read the name of a worker, which stands in rows, labels and logs."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", text):
        raise ArgumentTypeError("a name has 1 to 32 letters, digits, dots, dashes and underscores")
    return text


def _run_cluster(
    name: str, signals: StopSignals, watch: SilenceWatch, metrics: Path, *, silence_seconds: float
) -> None:
    """Run one cluster until it dies, falls silent, or a signal comes; nothing of it is left then."""
    # The numbers of a cluster that has ended are not shown any more.
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(exist_ok=True)
    cluster = Program(
        *("manage.py", "qcluster"),
        ends_by=signal.SIGKILL,
        # Without a port to read them at, no numbers are written.
        environment={NAME_VARIABLE: name}
        | ({"PROMETHEUS_MULTIPROC_DIR": str(metrics)} if settings.WORKER_METRICS_PORT else {}),
    )
    watch.begin_again()
    log.info("worker.cluster_started", pid=cluster.pid)
    try:
        while not signals.arrives_within(LOOK_EVERY_SECONDS):
            if cluster.exit_status() is not None:
                log.error("worker.cluster_died", pid=cluster.pid, status=cluster.exit_status())
                return
            if watch.silent_seconds() > silence_seconds:
                # Not asked: a wedged cluster does not listen, and what it may still send is sent again.
                log.error("worker.cluster_silent", pid=cluster.pid)
                return
        cluster.ask_to_stop()
        if not cluster.ends_within(GRACE_SECONDS, unless=signals):
            log.error("worker.cluster_killed", pid=cluster.pid)
    finally:
        cluster.end()
