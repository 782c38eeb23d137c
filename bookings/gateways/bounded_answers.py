"""Reads what another service answers, no more and no longer than is good for this one."""

import time

import requests


class AnswerRefused(OSError):
    """The answer is too large, or comes too slowly."""


def read_bounded(response: requests.Response, *, largest: int, ends_at: float) -> bytes:
    """
    Read the body of a streamed answer, at most `largest` bytes, until `ends_at` on the monotonic clock.

    Takes whatever has come, at once: waiting for a full piece would let the peer decide how long.

    :raises AnswerRefused: if it is larger, or later
    :raises urllib3.exceptions.HTTPError: if the connection breaks on the way
    """
    content = bytearray()
    while piece := response.raw.read1(largest, decode_content=True):
        content += piece
        if len(content) > largest:
            raise AnswerRefused("answer too large")
        if time.monotonic() > ends_at:
            raise AnswerRefused("answer too slow")
    return bytes(content)
