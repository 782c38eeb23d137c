"""What the doctor asks of the systems beside this one, that no booking needs."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from redis import Redis, RedisError

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 2.0


class Unreachable(Exception):
    """There was no answer; the message has no address and no password in it."""


def date_of_peer(url: str) -> datetime | None:
    """
    Read the clock of whoever answers there, in whole seconds; None if the answer has no Date.

    Neither follows a redirect nor reads the body.

    :raises Unreachable: if nobody answers
    """
    session = requests.Session()
    # No proxy and no password from the environment.
    session.trust_env = False
    limits = (CONNECT_SECONDS, ANSWER_SECONDS)
    try:
        with session, session.get(url, timeout=limits, allow_redirects=False, stream=True) as answer:
            stamp = answer.headers.get("Date", "")
    except requests.RequestException as error:
        raise Unreachable(type(error).__name__) from error
    try:
        moment = parsedate_to_datetime(stamp)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def redis_version(url: str) -> str:
    """
    Ask a Redis for its version.

    :raises Unreachable: if it does not answer, or lets nobody in
    """
    try:
        with Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS) as redis:
            return str(redis.info("server")["redis_version"])
    except (RedisError, ValueError) as error:
        raise Unreachable(type(error).__name__) from error
