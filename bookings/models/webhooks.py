"""Who is told by webhook, and what of: endpoints, what is delivered to each, and what went wrong."""

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.access.api_key import ApiKey
from bookings.models.announcements import Announcement
from bookings.models.append_only import AppendOnly, RecordedAction
from bookings.models.outbound_call import OutboundCall


class EndpointState(models.TextChoices):
    # Nothing but pings is sent until one of them is answered with 2xx.
    NEW = "new", _("new")
    ACTIVE = "active", _("active")
    # By its owner: what happens waits.
    PAUSED = "paused", _("paused")
    # By this service or by staff: what happens is not written down for it.
    DISABLED = "disabled", _("disabled")
    # For good.
    RETIRED = "retired", _("retired")


WRITTEN_DOWN_FOR = (EndpointState.NEW, EndpointState.ACTIVE, EndpointState.PAUSED)
SENT_TO = (EndpointState.NEW, EndpointState.ACTIVE)


class WebhookEndpoint(models.Model):
    """
    An address that a service has named, to be told there what happens to bookings. Its secrets are sealed.

    Nothing is said at once to one endpoint by two processes: `lane` is the lease of one of them.
    """

    # "we_" and 32 hexadecimal digits: what its owner knows it by.
    key = models.CharField(max_length=35)
    # Null where no one has to prove who calls (API_AUTH=open).
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="endpoints")
    url = models.CharField(max_length=500)
    # Types of events with blanks between them; empty: all, also those to come.
    types = models.CharField(max_length=200, blank=True, default="")
    payload_version = models.CharField(max_length=10)
    state = models.CharField(max_length=8, choices=EndpointState.choices, default=EndpointState.NEW)
    disabled_why = models.CharField(max_length=200, blank=True, default="")
    secret = models.BinaryField()
    # Signs beside the other one, until its receiver has that.
    previous_secret = models.BinaryField(null=True, blank=True)
    previous_expires_at = models.DateTimeField(null=True, blank=True)
    # Where its owner is told that it fails; sealed, and null where no one is to be told.
    contact_email = models.BinaryField(null=True, blank=True)
    # Failures in a row, and since when: null after a success.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    # Nothing is sent before; then one delivery, to see whether it works again.
    rest_until = models.DateTimeField(null=True, blank=True)
    lane = models.UUIDField(null=True, blank=True)
    lane_until = models.DateTimeField(null=True, blank=True)
    # Counts changes by its owner and by staff, so that two of them do not undo each other's unseen.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_endpoint"
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        default_permissions = ("view",)
        permissions = [("manage_webhooks", "Can ping, pause, disable and retire webhook endpoints, and send again")]
        constraints = [
            models.UniqueConstraint(name="webhook_endpoint_key_unique", fields=["key"]),
            models.CheckConstraint(
                name="webhook_endpoint_state_known", condition=models.Q(state__in=EndpointState.values)
            ),
            models.CheckConstraint(
                name="webhook_endpoint_disabled_for_a_reason",
                condition=models.Q(state=EndpointState.DISABLED) ^ models.Q(disabled_why=""),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_previous_secret_ends",
                condition=models.Q(previous_secret__isnull=True, previous_expires_at__isnull=True)
                | models.Q(previous_secret__isnull=False, previous_expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="webhook_endpoint_lane_ends",
                condition=models.Q(lane__isnull=True, lane_until__isnull=True)
                | models.Q(lane__isnull=False, lane_until__isnull=False),
            ),
        ]
        indexes = [
            # The worker's look for endpoints to send to, and that of what is written down for which.
            models.Index(name="webhook_endpoint_to_do", fields=["state", "rest_until"]),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def is_failing(self) -> bool:
        """Whether its last sending failed, and it is still sent to."""
        return self.state in SENT_TO and self.failing_since is not None

    @property
    def standing(self) -> str:
        """Where it stands, in a word: its state, or `failing`."""
        return "failing" if self.is_failing else self.state

    def place_of(self, column: str) -> str:
        """Name the place that something of it is sealed for: it opens for no other endpoint."""
        return f"webhook_endpoint.{column} {self.key}"

    @property
    def wanted(self) -> frozenset[str]:
        """The types of events that it is told of; empty: all."""
        return frozenset(self.types.split())

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: it is retired."""
        raise TypeError("a webhook endpoint is retired, never deleted")


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("pending")
    DELIVERED = "delivered", _("delivered")
    # Asked for 72 hours, in vain. Its owner and staff can have it sent again.
    DEAD = "dead", _("dead")


class WebhookDelivery(OutboundCall):
    """
    One announcement for one endpoint, or a ping: sent with the same id and the same bytes until it is answered by 2xx.

    `next_at` is set as long as it is pending. Its pauses are longer than those of other calls, so it is due by
    `bookings.queries.webhooks`, and never by `OutboundCall.due`.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    # Null: a ping.
    announcement = models.ForeignKey(
        Announcement, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries"
    )
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    # From then on it is dead unless it is delivered.
    ends_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    died_at = models.DateTimeField(null=True, blank=True)
    # Of the last answer; 0: there was none.
    last_status = models.PositiveSmallIntegerField(default=0)
    last_ms = models.PositiveIntegerField(default=0)
    # A client or an operator has asked for it.
    by_hand = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_delivery"
        verbose_name = _("delivery of a webhook")
        verbose_name_plural = _("deliveries of webhooks")
        default_permissions = ("view",)
        constraints = [
            # The foreign key's index, too.
            models.UniqueConstraint(name="webhook_delivery_once", fields=["endpoint", "announcement"]),
            models.CheckConstraint(
                name="webhook_delivery_state_known", condition=models.Q(state__in=DeliveryState.values)
            ),
            models.CheckConstraint(
                name="webhook_delivery_due_while_pending",
                condition=models.Q(state=DeliveryState.PENDING) ^ models.Q(next_at__isnull=True),
            ),
            models.CheckConstraint(
                name="webhook_delivery_has_its_time",
                condition=models.Q(state=DeliveryState.DELIVERED) ^ models.Q(delivered_at__isnull=True),
            ),
            models.CheckConstraint(
                name="webhook_delivery_died_once",
                condition=models.Q(state=DeliveryState.DEAD) ^ models.Q(died_at__isnull=True),
            ),
        ]
        indexes = [
            # What is due of an endpoint, oldest first.
            models.Index(name="webhook_delivery_to_do", fields=["endpoint", "next_at"]),
            # The lists of an endpoint and of staff: those of a state, newest first.
            models.Index(name="webhook_delivery_state", fields=["state", "endpoint", "id"]),
            # The reaper's, of pings.
            models.Index(name="webhook_delivery_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"

    @property
    def standing(self) -> str:
        """Where it stands, in a word: its state, or `failing` if it was sent in vain, and will be sent again."""
        return "failing" if self.state == DeliveryState.PENDING and self.last_error else self.state


class WebhookAttempt(AppendOnly):
    """One sending that was not answered by 2xx: how it ended, and what the receiver said."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempts")
    # 0: there was no answer.
    status = models.PositiveSmallIntegerField()
    milliseconds = models.PositiveIntegerField()
    error = models.CharField(max_length=200)
    # The beginning of what the receiver said, as one printable line.
    answer = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_attempt"
        verbose_name = _("attempt to deliver a webhook")
        verbose_name_plural = _("attempts to deliver webhooks")
        default_permissions = ()

    def __str__(self) -> str:
        return f"attempt {self.pk} at {self.delivery_id}"


class ReplayState(models.TextChoices):
    RUNNING = "running", _("running")
    DONE = "done", _("done")


class WebhookReplay(models.Model):
    """A wish to have what happened in a time delivered once more. The worker goes through it in steps."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    # What was delivered stays as it is.
    only_dead = models.BooleanField(default=False)
    # The announcement up to which it is done.
    position = models.BigIntegerField(default=0)
    count = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=7, choices=ReplayState.choices, default=ReplayState.RUNNING)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_replay"
        verbose_name = _("replay of webhooks")
        verbose_name_plural = _("replays of webhooks")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="webhook_replay_state_known", condition=models.Q(state__in=ReplayState.values)),
        ]
        indexes = [
            # The worker's look for those to go on with.
            models.Index(name="webhook_replay_to_do", fields=["state"]),
        ]

    def __str__(self) -> str:
        return f"replay {self.pk}"


class EndpointEventKind(models.TextChoices):
    MADE = "made"
    CHANGED = "changed"
    ROTATED = "rotated"
    PAUSED = "paused"
    ENABLED = "enabled"
    DISABLED = "disabled"
    PINGED = "pinged"
    REDELIVERED = "redelivered"
    REPLAYED = "replayed"
    RETIRED = "retired"


class EndpointEvent(RecordedAction):
    """One action on an endpoint: who did what, why, in which request. Append-only."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=11, choices=EndpointEventKind.choices)

    class Meta:
        db_table = "webhook_endpoint_event"
        verbose_name = _("event of a webhook endpoint")
        verbose_name_plural = _("events of webhook endpoints")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.what} {self.endpoint_id}"
