"""Send what travelers are to be told: each message is claimed, written, handed over, and its end recorded."""

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from bookings.answers.messages import written, written_briefly
from bookings.conf import mail_domain
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models.messages import Channel
from bookings.observability import metrics
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Channels, Mail, MessageOutcome, Refused, Sent, Sms
from bookings.queries.messages import due_messages
from bookings.services.messages.claim import Claimed, claim_message, record
from bookings.services.messages.rules import BEGINS_FOR_SECONDS, SEND_SECONDS, SMS_BEGINS_FOR_SECONDS
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.sealing import Seal

log = structlog.get_logger(__name__)

# A mail takes some hundred milliseconds; a server refuses a client with many connections.
SENT_AT_ONCE = 4

# What was sent must be recorded, also while the database is slow.
RECORD_SECONDS = 20.0

WORDS: Mapping[type, str] = {
    Sent: "sent",
    Refused: "refused",
    Mistake: "mistake",
    NotSent: "not_sent",
    Unknown: "unknown",
}


def send_messages(*, channels: Channels, seal: Seal, deadline: Deadline) -> int:
    """
    Send what is due until nothing is, or the time is up, or nothing is taken; return how many were taken over.

    SMS come first, in a part of the time: they are few and short, and mails shall not wait for them for long. Safe to
    run beside itself: each message is leased. The words are made here, so that a repeat after a change of the
    templates says the same in other words.
    """
    until = Deadline(min(BEGINS_FOR_SECONDS, deadline.left()))
    at_first = Deadline(min(SMS_BEGINS_FOR_SECONDS, until.left()))
    with ThreadPoolExecutor(max_workers=SENT_AT_ONCE, thread_name_prefix="messages") as senders:
        return sum(
            _send_due(channel, channels, seal, senders, until=ends)
            for channel, ends in ((Channel.SMS, at_first), (Channel.MAIL, until))
        )


def _send_due(channel: Channel, channels: Channels, seal: Seal, senders: ThreadPoolExecutor, *, until: Deadline) -> int:
    taken = 0
    while until and (ids := due_messages(channel, database_time())):
        outcomes = _send_some(ids[:SENT_AT_ONCE], channels, seal, senders)
        taken += sum(isinstance(outcome, Sent) for outcome in outcomes)
        # The others have their pauses too: what is due next would hear the same.
        if outcomes and all(isinstance(outcome, NotSent | Unknown) for outcome in outcomes):
            break
    return taken


def _send_some(ids: Sequence[int], channels: Channels, seal: Seal, senders: ThreadPoolExecutor) -> list[MessageOutcome]:
    claimed = [found for each in ids if (found := claim_message(each, lease=uuid.uuid4(), seal=seal)) is not None]
    outcomes = list(senders.map(lambda each: _send(each, channels), claimed))
    ended = dict(zip((each.message_id for each in claimed), zip(claimed, outcomes, strict=True), strict=True))
    for_each(ended, lambda message_id: _record(*ended[message_id]), deadline=Deadline(RECORD_SECONDS))
    return outcomes


def _send(claimed: Claimed, channels: Channels) -> MessageOutcome:
    """Write a message and hand it over, in a thread that has no database."""
    try:
        letter = _sms(claimed) if claimed.channel == Channel.SMS else _mail(claimed)
    except Exception:
        # One that cannot be written must not keep the others from being sent.
        log.exception("message.not_written", item=f"message {claimed.message_id}")
        return NotSent("it cannot be written")
    if isinstance(letter, Mail):
        return channels.mail.send(letter, seconds=SEND_SECONDS[Channel.MAIL])
    if channels.sms is None:
        return NotSent("SMS_URL names no one who sends SMS")
    return channels.sms.send(letter, seconds=SEND_SECONDS[Channel.SMS])


def _mail(claimed: Claimed) -> Mail:
    made = written(claimed.announcement, language=claimed.language, domain=mail_domain())
    return Mail(
        key=claimed.key,
        to=claimed.to,
        language=claimed.language,
        subject=made.subject,
        text=made.text,
        html=made.html,
        calendar=made.calendar,
    )


def _sms(claimed: Claimed) -> Sms:
    text = written_briefly(claimed.announcement, language=claimed.language)
    return Sms(claimed.key, claimed.to, text)


def _record(claimed: Claimed, outcome: MessageOutcome) -> int:
    record(claimed, outcome)
    metrics.MESSAGES.labels(claimed.channel, WORDS[type(outcome)]).inc()
    log.info("message.ended", item=f"message {claimed.message_id}", what=claimed.channel, outcome=WORDS[type(outcome)])
    return 1
