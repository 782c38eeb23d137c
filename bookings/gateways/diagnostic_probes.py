"""What `doctor` asks other systems, and no booking needs."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bookings.gateways.http_exchange import ExchangeFailed, HttpExchange, Question

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 2.0


class Unreachable(Exception):
    """There was no response; the message contains no address and no password."""


def date_of_peer(url: str) -> datetime | None:
    """
    Read the clock of the server that answers there, in whole seconds; None if its response has no Date.

    Neither follows a redirect nor waits for the body.

    :raises Unreachable: if no server answers
    """
    http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=0)
    try:
        answer = http.send(Question("GET", url, head_only=True), seconds=ANSWER_SECONDS)
    except ExchangeFailed as error:
        raise Unreachable(str(error)) from error
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
