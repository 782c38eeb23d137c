"""Send what travelers are to be told: each message is claimed, written, handed over, and its end recorded."""

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from bookings.answers.messages import written
from bookings.conf import mail_domain
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models.messages import Channel
from bookings.observability import metrics
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Mail, MessageChannel, MessageOutcome, Refused, Sent
from bookings.queries.messages import due_messages
from bookings.services.messages.claim import Claimed, claim_message, record
from bookings.services.messages.rules import BEGINS_FOR_SECONDS, SEND_SECONDS
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.sealing import Seal

log = structlog.get_logger(__name__)

# A mail takes some hundred milliseconds; a server refuses a client with many connections.
SENT_AT_ONCE = 4

WORDS: Mapping[type, str] = {
    Sent: "sent",
    Refused: "refused",
    Mistake: "mistake",
    NotSent: "not_sent",
    Unknown: "unknown",
}


def send_messages(*, mail: MessageChannel, seal: Seal, deadline: Deadline) -> int:
    """
    Send what is due until nothing is, or the time is up, or the server takes nothing; return how many were taken over.

    Safe to run beside itself: each message is leased. The words are made here, so that a repeat after a change of the
    templates says the same in other words.
    """
    taken, until = 0, Deadline(min(BEGINS_FOR_SECONDS, deadline.left()))
    with ThreadPoolExecutor(max_workers=SENT_AT_ONCE, thread_name_prefix="mail") as senders:
        while until and (ids := due_messages(database_time())):
            outcomes = _send_some(ids[:SENT_AT_ONCE], mail, seal, senders)
            taken += sum(isinstance(outcome, Sent) for outcome in outcomes)
            # The others have their pauses too: what is due next would hear the same.
            if outcomes and all(isinstance(outcome, NotSent) for outcome in outcomes):
                break
    return taken


def _send_some(
    ids: Sequence[int], mail: MessageChannel, seal: Seal, senders: ThreadPoolExecutor
) -> list[MessageOutcome]:
    claimed = [found for each in ids if (found := claim_message(each, lease=uuid.uuid4(), seal=seal)) is not None]
    outcomes = list(senders.map(lambda each: _send(each, mail), claimed))
    ended = dict(zip((each.message_id for each in claimed), zip(claimed, outcomes, strict=True), strict=True))
    for_each(ended, lambda message_id: _record(*ended[message_id]), deadline=Deadline(SEND_SECONDS))
    return outcomes


def _send(claimed: Claimed, mail: MessageChannel) -> MessageOutcome:
    """Write a message and hand it over, in a thread that has no database."""
    try:
        made = written(claimed.announcement, language=claimed.language, domain=mail_domain())
        letter = Mail(
            key=claimed.announcement.key,
            to=claimed.address.email,
            language=claimed.language,
            subject=made.subject,
            text=made.text,
            html=made.html,
            calendar=made.calendar,
        )
    except Exception:
        # One that cannot be written must not keep the others from being sent.
        log.exception("message.not_written", item=f"message {claimed.message_id}")
        return NotSent("it cannot be written")
    return mail.send(letter, seconds=SEND_SECONDS)


def _record(claimed: Claimed, outcome: MessageOutcome) -> int:
    record(claimed, outcome)
    metrics.MESSAGES.labels(Channel.MAIL, WORDS[type(outcome)]).inc()
    log.info("message.ended", item=f"message {claimed.message_id}", outcome=WORDS[type(outcome)])
    return 1
