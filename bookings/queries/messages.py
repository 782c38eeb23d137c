"""Which messages are to be sent, and how it stands with them: short ranges of an index."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Min, Q

from bookings.models import Contact, Message, SuppressedAddress
from bookings.models.messages import Channel, MessageState

# Messages that are looked at together: more than a process sends within a second.
MESSAGES_AT_ONCE = 50

DAY = timedelta(days=1)

# Which column of a contact stands for its address.
MARK: Mapping[str, str] = {Channel.MAIL: "address_mark", Channel.SMS: "phone_mark"}


def due_messages(channel: str, now: datetime) -> list[int]:
    """Find messages of a channel whose lease or pause is over, those first that wait for the longest time."""
    due = Message.objects.filter(next_at__lte=now, channel=channel).order_by("next_at", "pk")
    return list(due.values_list("pk", flat=True)[:MESSAGES_AT_ONCE])


def is_message_due(now: datetime) -> bool:
    """Tell whether something is to be sent to a traveler now."""
    return Message.objects.filter(channel__in=Channel.values, next_at__lte=now).exists()


def waiting_since() -> datetime | None:
    """Since when the oldest message waits that is not ended; None if there is none. A look at what is to do."""
    waiting = Message.objects.filter(channel__in=Channel.values, next_at__isnull=False)
    found: datetime | None = waiting.aggregate(since=Min("created_at"))["since"]
    return found


def overdue_since(now: datetime) -> datetime | None:
    """Since when the oldest contact is to be erased that is still there; None if there is none."""
    found: datetime | None = Contact.objects.filter(erase_at__lte=now).aggregate(since=Min("erase_at"))["since"]
    return found


def sent_in_a_day(marks: Sequence[str], channel: str, now: datetime, *, besides: int) -> int:
    """Count what an address was sent, may have been sent or is being sent within a day, without one message."""
    bookings = Contact.objects.filter(**{f"{MARK[channel]}__in": marks}).values("booking_id")
    was_sent = Q(state__in=(MessageState.SENT, MessageState.UNKNOWN), ended_at__gt=now - DAY)
    is_sent = Q(state=MessageState.PENDING, lease__isnull=False)
    messages = Message.objects.filter(was_sent | is_sent, channel=channel, announcement__booking_id__in=bookings)
    return messages.exclude(pk=besides).count()


def is_suppressed(marks: Sequence[str], channel: str, now: datetime) -> bool:
    """Tell whether an address is sent nothing now."""
    lasts = Q(until__isnull=True) | Q(until__gt=now)
    return SuppressedAddress.objects.filter(lasts, address_mark__in=marks, channel=channel).exists()
