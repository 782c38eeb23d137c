"""Serves what the processes of the background cluster count: the cluster has no web server."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from prometheus_client import CollectorRegistry, start_http_server

from bookings.observability.metrics import SharedNumbers


def serve_worker_metrics(folder: Path) -> None:
    """
    Serve the numbers in `folder` at WORKER_METRICS_PORT, in a thread, until this process ends; 0 serves nothing.

    The folder may come and go with a cluster. Numbers from tables are not here: the web servers show them.

    :raises CommandError: if the address cannot be had
    """
    if not settings.WORKER_METRICS_PORT:
        return
    registry = CollectorRegistry()
    registry.register(SharedNumbers(folder))
    try:
        start_http_server(settings.WORKER_METRICS_PORT, addr=settings.WORKER_METRICS_HOST, registry=registry)
    except OSError as error:
        raise CommandError(
            f"WORKER_METRICS_PORT: cannot listen at {settings.WORKER_METRICS_HOST}:"
            f"{settings.WORKER_METRICS_PORT} ({error.strerror}); choose another port or WORKER_METRICS_HOST."
        ) from error
