"""
A stand-in for the Flight Service: its own process, its own durable store, HTTP only.

A request walks: `server` (sockets, faults, one transaction per event loop turn) -> `routes` (which endpoint)
-> `keyed` or `unkeyed` (the decision) -> `store` (SQLite). It needs nothing but Python and shares no code
with the booking service, so that a mistake in one cannot hide a mistake in the other.
"""
