"""Which messages are to be sent, and how it stands with them: short ranges of an index."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Min, Q

from bookings.models import Contact, Message, SuppressedAddress
from bookings.models.messages import MessageState

# Messages that are looked at together: more than a process sends within a second.
MESSAGES_AT_ONCE = 50

DAY = timedelta(days=1)


def due_messages(now: datetime) -> list[int]:
    """Find messages whose lease or pause is over, those first that wait for the longest time."""
    due = Message.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    return list(due.values_list("pk", flat=True)[:MESSAGES_AT_ONCE])


def is_message_due(now: datetime) -> bool:
    """Tell whether something is to be sent to a traveler now."""
    return Message.objects.filter(next_at__lte=now).exists()


def waiting_since() -> datetime | None:
    """Since when the oldest message waits that is not ended; None if there is none. A look at what is to do."""
    found: datetime | None = Message.objects.filter(next_at__isnull=False).aggregate(since=Min("created_at"))["since"]
    return found


def overdue_since(now: datetime) -> datetime | None:
    """Since when the oldest contact is to be erased that is still there; None if there is none."""
    found: datetime | None = Contact.objects.filter(erase_at__lte=now).aggregate(since=Min("erase_at"))["since"]
    return found


def sent_in_a_day(marks: Sequence[str], now: datetime, *, besides: int) -> int:
    """Count what an address was sent, may have been sent or is being sent within a day, without one message."""
    bookings = Contact.objects.filter(address_mark__in=marks).values("booking_id")
    was_sent = Q(state__in=(MessageState.SENT, MessageState.UNKNOWN), ended_at__gt=now - DAY)
    is_sent = Q(state=MessageState.PENDING, lease__isnull=False)
    messages = Message.objects.filter(was_sent | is_sent, announcement__booking_id__in=bookings)
    return messages.exclude(pk=besides).count()


def is_suppressed(marks: Sequence[str], now: datetime) -> bool:
    """Tell whether an address is sent nothing now."""
    return SuppressedAddress.objects.filter(address_mark__in=marks, until__gt=now).exists()
