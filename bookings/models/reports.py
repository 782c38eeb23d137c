"""What owners of webhook endpoints and operators are told by mail."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.messages import Channel, MessageState
from bookings.models.outbound_call import OutboundCall
from bookings.models.webhooks import WebhookEndpoint


class ReportKind(models.TextChoices):
    # To the owner of an endpoint: it has failed for an hour, for a day, is disabled, works again.
    FAILING_HOUR = "failing_hour", _("failing for an hour")
    FAILING_DAY = "failing_day", _("failing for a day")
    DISABLED = "disabled", _("disabled")
    WELL = "well", _("works again")
    # To the owner, once a day at most: so much was never delivered.
    DEAD = "dead", _("not delivered")
    # To operators, once a day at most: what became of messages and deliveries.
    OPERATORS = "operators", _("to operators")


WARNINGS = (ReportKind.FAILING_HOUR, ReportKind.FAILING_DAY, ReportKind.DISABLED)


class Report(OutboundCall):
    """
    One mail to the owner of an endpoint, or to operators. Its words are made when it is sent.

    `next_at` is set as long as it is pending; it is due by `bookings.queries.reports`.
    """

    # As messages have it.
    channel: ClassVar[str] = Channel.MAIL

    # What happened, once: of two that see it at the same time one writes it. Its Message-ID is made of this.
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=ReportKind.choices)
    # Null: to operators.
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    # Since when it is so, and of a count, until when it counts.
    since = models.DateTimeField()
    until = models.DateTimeField()
    # Of a count: how many, by what was counted.
    counts = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=MessageState.choices, default=MessageState.PENDING)
    # From then on it tells nothing that is of use.
    worthless_at = models.DateTimeField()
    # Sendings that may have arrived. There is no third.
    unknowns = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "report"
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="report_once", fields=["key"]),
            models.CheckConstraint(name="report_kind_known", condition=models.Q(kind__in=ReportKind.values)),
            models.CheckConstraint(name="report_state_known", condition=models.Q(state__in=MessageState.values)),
            models.CheckConstraint(
                name="report_to_an_owner_or_operators",
                condition=models.Q(kind=ReportKind.OPERATORS) ^ models.Q(endpoint__isnull=False),
            ),
            models.CheckConstraint(
                name="report_due_while_pending",
                condition=models.Q(state=MessageState.PENDING) ^ models.Q(next_at__isnull=True),
            ),
            models.CheckConstraint(
                name="report_ends_once",
                condition=models.Q(state=MessageState.PENDING) ^ models.Q(ended_at__isnull=False),
            ),
        ]
        indexes = [
            # What is due, oldest first.
            models.Index(name="report_to_do", fields=["next_at"]),
            # The reaper's.
            models.Index(name="report_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.key
