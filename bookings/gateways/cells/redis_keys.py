"""The Redis that all cells share remembers which of them has a client's key. Loaded only where there are cells."""

import hashlib

import structlog

from bookings.gateways.bounded_redis import NOT_ANSWERED, bounded_redis, within
from bookings.ports import CellKeysUnavailable

log = structlog.get_logger(__name__)

# Redis answers within a millisecond, or in some of them where it flushes each write.
ANSWER_SECONDS = 0.5
WHOLE_SECONDS = 1.0

# Redis runs a script as one step: no other cell comes in between.
FIRST = """
local first = redis.call('GET', KEYS[1])
if first then
    return tonumber(first)
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return tonumber(ARGV[1])
"""


class RedisCellKeys:
    """The port over Redis. Nothing else knows: while it does not answer, no key can be used."""

    def __init__(self, url: str) -> None:
        self._redis = bounded_redis(url, seconds=ANSWER_SECONDS)
        self._first = self._redis.register_script(FIRST)

    def first_to_have(self, name: str, *, asks: int, seconds: int) -> int:
        key = f"bookings:key:{hashlib.sha256(name.encode()).hexdigest()}"
        try:
            with within(WHOLE_SECONDS):
                return int(self._first(keys=[key], args=[asks, seconds]))
        except NOT_ANSWERED as error:
            log.warning("gateway.redis.unavailable", error=type(error).__name__)
            # A response may still be unread on any of them.
            self._redis.connection_pool.disconnect(inuse_connections=False)
            raise CellKeysUnavailable(type(error).__name__) from error
