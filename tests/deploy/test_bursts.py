"""Many requests that come to a web process at the same moment."""

import threading
import time

from bookingsite.web import lanes as lanes_module
from bookingsite.web.lanes import Lanes
from tests.deploy.test_lanes import App, carry, in_background
from tests.support.threads import PATIENCE_SECONDS


def answers_to_a_burst(count):
    lanes = Lanes(App(None), threads=8)
    together = threading.Barrier(count)

    class Here:
        def read(self, _size):
            time.sleep(0.01)  # in which all others come, as in the web server's own read
            return b"12345"

    def send():
        together.wait(PATIENCE_SECONDS)
        return carry(lanes, "POST", "/health/live", **{"CONTENT_LENGTH": "5", "wsgi.input": Here()})

    answers = [in_background(send) for _ in range(count)]
    return {answer() for answer in answers}


def test_a_burst_of_bodies_is_read_to_the_last():
    burst = lanes_module.BODIES_AT_ONCE + lanes_module.BODIES_IN_LINE

    assert answers_to_a_burst(burst) == {"12345"}


def test_without_a_line_for_bodies_a_burst_is_refused_in_part(monkeypatch):
    """The twin."""
    monkeypatch.setattr(lanes_module, "BODIES_IN_LINE", 0)

    assert answers_to_a_burst(2 * lanes_module.BODIES_AT_ONCE) == {"12345", "service_busy"}
