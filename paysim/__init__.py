"""
A stand-in for Stripe: its own process, its own durable store, Stripe's wire format over HTTP.

A request walks: `server` (sockets, faults) -> `api` (who asks, which endpoint, which key) -> one of the modules named
after Stripe's objects (`intents`, `refunds`, `disputes` ...) -> `store` (SQLite). What a person or a bank does comes in
at `controls` and `page`; what Stripe tells of its own accord goes out at `courier`. It needs nothing but Python and
shares no code with the booking service, so that a mistake in one cannot hide a mistake in the other.

It is built for what the booking service asks. A parameter of Stripe that is not built here is refused, never ignored.
"""
