"""Limits that a Redis server counts: for several machines, without a write to the database for each request."""

import structlog

from bookings.gateways.bounded_redis import NOT_ANSWERED, bounded_redis, within
from bookings.ports import Allowance, RateLimiter

log = structlog.get_logger(__name__)

# Redis answers within a millisecond. A request must not wait long for one that is silent or sends byte by byte.
ANSWER_SECONDS = 0.5
WHOLE_SECONDS = 1.0

# Redis runs a script as one step: no other client counts in between. In milliseconds, as seconds would end it early.
SPEND = """
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('SET', KEYS[1], 1, 'PX', ARGV[2])
    return {1, 1, tonumber(ARGV[2])}
end
local used = tonumber(redis.call('GET', KEYS[1]))
if used >= tonumber(ARGV[1]) then
    return {0, used, left}
end
return {1, redis.call('INCR', KEYS[1]), left}
"""

GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
    redis.call('DECR', KEYS[1])
end
"""


class RedisRateLimiter:
    """
    The port over Redis.

    While Redis does not answer, `otherwise` counts: no request passes uncounted, and no client is locked out.
    """

    def __init__(self, url: str, *, otherwise: RateLimiter) -> None:
        self._redis = bounded_redis(url, seconds=ANSWER_SECONDS)
        self._spend = self._redis.register_script(SPEND)
        self._give_back = self._redis.register_script(GIVE_BACK)
        self._otherwise = otherwise

    def spend(self, name: str, *, limit: int, seconds: int) -> Allowance:
        try:
            with within(WHOLE_SECONDS):
                passed, used, left = map(int, self._spend(keys=[_key(name)], args=[limit, seconds * 1000]))
        except NOT_ANSWERED as error:
            self._log_and_disconnect(error)
            return self._otherwise.spend(name, limit=limit, seconds=seconds)
        return Allowance(
            passed=bool(passed),
            limit=limit,
            remaining=max(0, limit - used),
            # If the clock of Redis has gone back, the client would have to wait for as long.
            resets_in=min(seconds, max(1, -(-left // 1000))),
        )

    def give_back(self, name: str) -> None:
        try:
            with within(WHOLE_SECONDS):
                self._give_back(keys=[_key(name)])
        except NOT_ANSWERED as error:
            self._log_and_disconnect(error)
            self._otherwise.give_back(name)

    def _log_and_disconnect(self, error: Exception) -> None:
        """Drop every connection on which a response may still be unread."""
        log.warning("gateway.redis.unavailable", error=type(error).__name__)
        self._redis.connection_pool.disconnect(inuse_connections=False)


def _key(name: str) -> str:
    # Redis may serve others too.
    return f"bookings:limit:{name}"
