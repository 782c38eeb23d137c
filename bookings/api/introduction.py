"""What the OpenAPI document says of the whole API, before any operation."""

from collections.abc import Mapping
from typing import Any

INTRODUCTION = """\
Holds seats on a flight, takes the payment within a window of some minutes, and gives the seats back if none comes.

**Envelope.** Every answer is `{"success", "message", "data", "error"}`. Where `success` is true, `data` is the result
and `error` is `{}`; where it is false, `data` is `{}`, and `error` has a `code` for programs, an `explanation` for
people, `retryable`, and in `fields` what is wrong with each field. Name `application/problem+json` in `Accept` to get
errors as RFC 9457 writes them instead. `X-Request-ID` names the request in the logs: send
your own, and name it when you ask for help.

**Keys.** Send `Idempotency-Key` with every POST: one for each intent of your user, the same for each repetition of it.
A payment needs one. The same key with the same request gets the first answer, byte for byte, with
`Idempotent-Replayed: true`; with another request, 422. Keys are kept for 72 hours.

**Retries.** No answer, a time-out, 500 or 502 of a proxy: repeat with the same key; it has one effect, however often it
comes. 503, 429 and a 409 with `retryable: true`: wait for `Retry-After` seconds first. 503 means that nothing is lost:
what was done, if anything, is found under the key. Without a key a create whose outcome is unknown is cancelled, and
its seats are given back. What is not `retryable` is decided, or the request is wrong.

**Tokens.** `Authorization: Bearer …`, with a customer's JSON Web Token or a service's key. A customer's token names the
user, so `userId` may be left out; a service names the user it acts for, and so does every client of an installation
that runs with `API_AUTH=open`. What is not yours answers 404.

**Values.** Times are UTC, RFC 3339. Money is an integer in the currency's minor unit.
No integer is beyond 2^53 - 1 (9007199254740991), up to where JavaScript tells each from the next; a user service whose
ids are higher has to map them.

**Changes.** New fields, error codes and values of lists may be added at any time: read what you know, and ignore the
rest.
"""

INFO: Mapping[str, Any] = {
    "description": INTRODUCTION,
    "contact": {"name": "The operators of this installation"},
    "license": {"name": "MIT", "identifier": "MIT"},
}

# Relative to the address of the document: whichever host has served it.
SERVERS = [{"url": "/", "description": "The host that this document comes from."}]

TAGS = [
    {"name": "bookings", "description": "Hold seats, pay for them, look at them, give them back."},
    {"name": "webhooks", "description": "Be told what happens, for services: signed requests to an address of yours."},
    {"name": "service", "description": "What answers here. Needs no token."},
]

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A customer's JSON Web Token, or a service's key (`fbs_…`). An installation with "
        "`API_AUTH=open`, as on a developer's machine, does not look at it.",
    }
}
