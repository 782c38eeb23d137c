"""What owners of webhook endpoints and operators are to be told by mail: short ranges of indexes."""

from datetime import datetime

from bookings.models import EndpointEvent, Message, Report, WebhookDelivery, WebhookEndpoint
from bookings.models.messages import MessageState
from bookings.models.reports import WARNINGS, ReportKind
from bookings.models.webhooks import DeliveryState, EndpointEventKind, EndpointState

# Reports that are sent together: each takes some hundred milliseconds.
REPORTS_AT_ONCE = 20

# Of an endpoint: it is enough that one of these came after a time.
NEWEST = 100


def due_reports(now: datetime) -> list[int]:
    """Find reports whose lease or pause is over, those first that wait for the longest time."""
    due = Report.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    return list(due.values_list("pk", flat=True)[:REPORTS_AT_ONCE])


def is_report_due(now: datetime) -> bool:
    """Tell whether a report is to be sent now."""
    return Report.objects.filter(next_at__lte=now).exists()


def watched_endpoints() -> list[WebhookEndpoint]:
    """Read the endpoints whose owners are told how it stands with them."""
    rows = WebhookEndpoint.objects.filter(contact_email__isnull=False).exclude(state=EndpointState.RETIRED)
    return list(rows.order_by("pk"))


def disabled_by(endpoint: WebhookEndpoint) -> EndpointEvent | None:
    """Find what was written down when an endpoint was disabled last."""
    return EndpointEvent.objects.filter(endpoint=endpoint, what=EndpointEventKind.DISABLED).order_by("-pk").first()


def last_warning(endpoint: WebhookEndpoint) -> Report | None:
    """Find the last bad news that the owner of an endpoint was told."""
    return Report.objects.filter(endpoint=endpoint, kind__in=WARNINGS).order_by("-pk").first()


def has_delivered_since(endpoint: WebhookEndpoint, moment: datetime) -> bool:
    """Tell whether something was delivered after a time, as far as the newest deliveries say it."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.DELIVERED).order_by("-pk")
    return any(at is not None and at > moment for at in rows.values_list("delivered_at", flat=True)[:NEWEST])


def last_counted(kind: ReportKind, endpoint: WebhookEndpoint | None) -> datetime | None:
    """Until when the last report of a count counts; None if there is none."""
    rows = Report.objects.filter(kind=kind, endpoint=endpoint).order_by("-pk")
    return rows.values_list("until", flat=True).first()


def is_reported(key: str) -> bool:
    """Tell whether this was written down already."""
    return Report.objects.filter(key=key).exists()


def dead_between(since: datetime, until: datetime, endpoint: WebhookEndpoint | None = None) -> int:
    """Count what was given up within a time: of one endpoint, or of all. Reads the dead ones of a month at most."""
    rows = WebhookDelivery.objects.filter(state=DeliveryState.DEAD, died_at__gt=since, died_at__lte=until)
    return (rows if endpoint is None else rows.filter(endpoint=endpoint)).count()


def messages_ended_between(since: datetime, until: datetime, state: MessageState) -> int:
    """Count the messages to travelers that ended so within a time."""
    return Message.objects.filter(state=state, ended_at__gt=since, ended_at__lte=until).count()
