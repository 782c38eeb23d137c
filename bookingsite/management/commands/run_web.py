import contextlib
import ipaddress
import os
import signal
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookings.diagnostics.draining import FLAG
from bookingsite.processes import beats
from bookingsite.processes.hung_processes import HungProcesses
from bookingsite.processes.supervision import LOOK_EVERY_SECONDS, Program, StopSignals, private_folder
from bookingsite.processes.web_server import granian

log = structlog.get_logger(__name__)

# Longer than any request should take: a create has four seconds, and may wait five for a lock.
FINISH_SECONDS = 10

# A process beats every second. A machine that is busy with other things lets it wait for some.
SILENCE_SECONDS = 15.0

# Whether the kernel passes waiting connections on to other processes.
MIGRATES = Path("/proc/sys/net/ipv4/tcp_migrate_req")

# granian cuts off running requests at its limit, and then needs a moment to end.
END_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Runs the web server. SIGTERM stops it in order: first /health/ready answers 503 while everything is "
        "still served, then no new connection is taken and running requests are finished, then what is left is "
        "cut off. A second signal cuts off at once. A process that hangs is killed, and another one takes its "
        "place. Production runs this."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.WEB_HOST, help="default: WEB_HOST (%(default)s)")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="default: WEB_PORT (%(default)s)")
        parser.add_argument(
            "--workers",
            type=int,
            default=settings.WEB_WORKERS,
            help="processes; default: WEB_WORKERS (%(default)s)",
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.WEB_THREADS,
            help="threads of each process, 19 of 32 for new bookings; default: WEB_THREADS (%(default)s)",
        )
        parser.add_argument(
            "--drain",
            type=float,
            default=settings.DRAIN_SECONDS,
            help="seconds out of readiness before it stops; default: DRAIN_SECONDS (%(default)s)",
        )
        parser.add_argument(
            "--finish",
            type=int,
            default=FINISH_SECONDS,
            help="seconds that running requests then have (%(default)s)",
        )
        parser.add_argument(
            "--silence",
            type=float,
            default=SILENCE_SECONDS,
            help="seconds without a sign of life after which a process is killed (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _must_be_free(options["host"], options["port"])
        signals = StopSignals()
        with private_folder("web") as folder:
            flag, metrics, signs = folder / "draining", folder / "metrics", folder / "beats"
            metrics.mkdir()
            signs.mkdir()
            words = granian(
                host=options["host"],
                port=options["port"],
                workers=options["workers"],
                threads=options["threads"],
                finish_seconds=options["finish"],
            )
            # Running requests are finished even if this process is killed.
            web = Program(
                *words,
                ends_by=signal.SIGTERM,
                environment={
                    FLAG: str(flag),
                    beats.FOLDER: str(signs),
                    "PROMETHEUS_MULTIPROC_DIR": str(metrics),
                    "WEB_THREADS": str(options["threads"]),
                },
            )
            hung = HungProcesses(signs, session=web.pid)
            log.info("web.started", pid=web.pid)
            if options["workers"] > 1 and not settings.DEBUG and not _waiting_connections_are_kept():
                log.warning("web.waiting_connections_are_reset")
            try:
                while not signals.arrives_within(LOOK_EVERY_SECONDS):
                    if (status := web.exit_status()) is not None:
                        raise CommandError(f"the web server ended by itself, with status {status}")
                    _replace(hung, silence_seconds=options["silence"])
                _leave_readiness(flag)
                log.info("web.draining", pid=web.pid)
                _stop(web, signals, drain_seconds=options["drain"], finish_seconds=options["finish"])
            finally:
                web.end()
        log.info("web.stopped", pid=web.pid)


def _must_be_free(host: str, port: int) -> None:
    """
    Refuse an address that is in use: granian would share its requests with a forgotten process there.

    :raises CommandError: if it is in use, or the host is a name
    """
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except ValueError as error:
        raise CommandError(f"the host must be an IP address, as 127.0.0.1 or 0.0.0.0, not {host!r}") from error
    except OSError as error:
        raise CommandError(f"cannot listen at {host}:{port} ({error.strerror}); choose another port") from error


def _waiting_connections_are_kept() -> bool:
    """
    Tell whether connections that a process has not accepted when it ends go to the others: Linux resets them.

    Each process listens by itself; see "Scale out" in docs/operations.md.
    """
    try:
        return MIGRATES.read_text().strip() == "1"
    except OSError:  # a Linux that cannot
        return False


def _replace(hung: HungProcesses, *, silence_seconds: float) -> None:
    """Kill the processes that hang; granian starts others in their place."""
    for pid, silence in hung.silent_for(silence_seconds).items():
        log.error("web.process_killed", pid=pid, seconds=round(silence, 1))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _leave_readiness(flag: Path) -> None:
    """Tell all processes that they drain. Where no file can be written, the stop goes on without that."""
    try:
        flag.touch()
    except OSError as error:
        log.error("web.stays_in_readiness", error=type(error).__name__)


def _stop(web: Program, signals: StopSignals, *, drain_seconds: float, finish_seconds: float) -> None:
    """Serve on while the proxy turns to others, then let running requests finish, unless another signal comes."""
    if signals.arrives_within(drain_seconds):
        log.warning("web.cut_off", pid=web.pid)
        return
    web.ask_to_stop()
    if not web.ends_within(finish_seconds + END_SECONDS, unless=signals):
        log.warning("web.cut_off", pid=web.pid)
