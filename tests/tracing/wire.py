"""What the tests of traces send, and the Flight Service on a wire that can be listened to."""

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{ID}-{PARENT}-01", "tracestate": "congo=t61rcWkgMzE"}
DONE = {"success": True, "data": {}, "error": {}}
FLIGHT = {"id": 1, "price": 2000, "totalSeats": 100, "capacity": 100}


def answer_patches(wire, **answer):
    """Answer every change of seats like this from now on."""
    wire.forget("PATCH", "/api/v1/flights/1/seats")
    wire.add("PATCH", "/api/v1/flights/1/seats", **answer)
