"""Whom a booking's traveler is reached at, what they are told, and whom nothing is sent to any more."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.announcements import Announcement
from bookings.models.bookings.booking import Booking
from bookings.models.outbound_call import OutboundCall

# HMAC-SHA256 in hexadecimal digits.
MARK_DIGITS = 64


class Contact(models.Model):
    """
    Where the traveler of a booking is told what happens to it. Address and number are sealed, and erased on a date.

    A mark finds the bookings of an address that is given, and gives no address.
    """

    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, primary_key=True, related_name="contact")
    sealed = models.BinaryField()
    address_mark = models.CharField(max_length=MARK_DIGITS)
    # Of the number for SMS; empty: none is wanted.
    phone_mark = models.CharField(max_length=MARK_DIGITS, blank=True, default="")
    # As the client wants it; see `bookings.answers.messages.language_for`.
    language = models.CharField(max_length=35, blank=True, default="")
    wants_reminders = models.BooleanField(default=False)
    erase_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "contact"
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        default_permissions = ()
        permissions = [("manage_contacts", "Can erase contacts of travelers, and have messages sent once more")]
        indexes = [
            # The reaper's.
            models.Index(name="contact_to_erase", fields=["erase_at"]),
            # How much an address is sent in a day, and the search for it.
            models.Index(name="contact_of_address", fields=["address_mark"]),
            models.Index(name="contact_of_phone", fields=["phone_mark"]),
        ]

    def __str__(self) -> str:
        return f"contact of {self.booking_id}"


class Channel(models.TextChoices):
    MAIL = "mail", _("mail")
    SMS = "sms", _("SMS")


class MessageState(models.TextChoices):
    PENDING = "pending", _("pending")
    SENT = "sent", _("sent")
    # The address, or this message, is not taken.
    REFUSED = "refused", _("refused")
    # It was handed over as often as it may be, and no answer came: it may have arrived.
    UNKNOWN = "unknown", _("unknown")
    # It was worth nothing any more when it could have been sent.
    LAPSED = "lapsed", _("lapsed")
    # It was not so any more, or it is not wanted.
    SKIPPED = "skipped", _("skipped")


class Message(OutboundCall):
    """
    One announcement for one traveler. Its words are made when it is sent; its id is that of the announcement, and of
    one that staff have sent once more, that and a number: such a one is meant to arrive beside the first.

    `next_at` is set as long as it is pending. Its pauses are longer than those of other calls, so it is due by
    `bookings.queries.messages`, and never by `OutboundCall.due`.
    """

    announcement = models.ForeignKey(Announcement, on_delete=models.PROTECT, related_name="messages", db_index=False)
    channel = models.CharField(max_length=4, choices=Channel.choices, default=Channel.MAIL)
    # Counts those that staff have asked for.
    repeat = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=7, choices=MessageState.choices, default=MessageState.PENDING)
    # From then on it tells nothing that is of use.
    worthless_at = models.DateTimeField()
    # Sendings that may have arrived. Of an SMS there is no second, of a mail no third.
    unknowns = models.PositiveSmallIntegerField(default=0)
    # What the server that took it over calls it.
    receipt = models.CharField(max_length=200, blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "message"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        default_permissions = ()
        constraints = [
            # The foreign key's index, too.
            models.UniqueConstraint(name="message_once", fields=["announcement", "channel", "repeat"]),
            models.CheckConstraint(name="message_state_known", condition=models.Q(state__in=MessageState.values)),
            models.CheckConstraint(name="message_channel_known", condition=models.Q(channel__in=Channel.values)),
            models.CheckConstraint(
                name="message_due_while_pending",
                condition=models.Q(state=MessageState.PENDING) ^ models.Q(next_at__isnull=True),
            ),
            models.CheckConstraint(
                name="message_ends_once",
                condition=models.Q(state=MessageState.PENDING) ^ models.Q(ended_at__isnull=False),
            ),
        ]
        indexes = [
            # What is due, oldest first, of each channel by itself: one that is down keeps nothing of the other waiting.
            models.Index(name="message_to_do", fields=["channel", "next_at"]),
            # What operators are told once a day: how many ended badly.
            models.Index(name="message_ends", fields=["state", "ended_at"]),
            # The reaper's.
            models.Index(name="message_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def message_key(self) -> str:
        """What its Message-ID is made of: the same each time it is sent."""
        return f"{self.announcement.key}.{self.repeat}" if self.repeat else self.announcement.key


class SuppressedAddress(models.Model):
    """An address that is sent nothing, by its mark: its server said that there is none, or its owner wants nothing."""

    address_mark = models.CharField(max_length=MARK_DIGITS)
    channel = models.CharField(max_length=4, choices=Channel.choices, default=Channel.MAIL)
    why = models.CharField(max_length=200)
    # Null: for good.
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "suppressed_address"
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="suppressed_address_once", fields=["address_mark", "channel"]),
            models.CheckConstraint(
                name="suppressed_address_channel_known", condition=models.Q(channel__in=Channel.values)
            ),
        ]
        indexes = [
            # The reaper's.
            models.Index(name="suppressed_address_age", fields=["until"]),
        ]

    def __str__(self) -> str:
        return f"suppressed address {self.pk}"
