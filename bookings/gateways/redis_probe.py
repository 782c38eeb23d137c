"""What `doctor` and readiness ask a Redis. Loaded only where one is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bookings.gateways.bounded_redis import NOT_ANSWERED, bounded_redis, within
from bookings.gateways.diagnostic_probes import Unreachable

ANSWER_SECONDS = 2.0


def redis_settings(url: str, names: list[str]) -> dict[str, str]:
    """
    Ask a Redis how it is set; what it does not tell is not there.

    :raises Unreachable: if it does not answer, or refuses the log-in
    """
    with _asked(url) as redis:
        found = {name: redis.config_get(name).get(name) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def redis_version(url: str) -> str:
    """
    Ask a Redis for its version.

    :raises Unreachable: if it does not answer, or refuses the log-in
    """
    with _asked(url) as redis:
        return str(redis.info("server")["redis_version"])


@contextmanager
def _asked(url: str) -> Iterator[Any]:
    """Ask a Redis within the block; `Unreachable` if it does not answer in time."""
    try:
        with bounded_redis(url, seconds=ANSWER_SECONDS) as redis, within(ANSWER_SECONDS):
            yield redis
    except NOT_ANSWERED as error:
        raise Unreachable(type(error).__name__) from error
