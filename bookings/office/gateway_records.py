"""What payment gateways have told and shown: notices, disputes, comparisons with their lists. Read, never changed."""

import functools
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bookings.models import Dispute, GatewayNotice, PaymentComparison
from bookings.models.notices import GatewayNoticeState
from bookings.office import labels
from bookings.office.base import OnIndexPaginator, RecordAdmin, column
from bookings.office.refunds import payment_link
from bookings.office.tags import badge, moment
from bookings.office.upkeep.open_work import waits_for
from bookings.office.upkeep.records import booking_link


class NoticeState(admin.SimpleListFilter):
    """Notices of one state, off the worker's index."""

    title = _("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, str(badge.text)) for state, badge in labels.NOTICE.items() if state != GatewayNoticeState.NEW]

    def queryset(self, request: HttpRequest, queryset: QuerySet[GatewayNotice]) -> QuerySet[GatewayNotice]:
        # These have no next look: said as well, the to-do index has them in the order of the list.
        return queryset.filter(state=self.value(), next_at=None) if self.value() else queryset


class GatewayNoticeAdmin(RecordAdmin):
    """Without what a notice said: that is not kept."""

    list_display = [
        column("id", _("Notice")),
        column("gateway", _("Gateway")),
        column("kind", _("About"), labels.NOTICE_KIND.__getitem__),
        column("object_id", _("Its name there")),
        column("state", _("State"), functools.partial(badge, "notice")),
        column("received_at", _("Came"), moment),
        column("done_at", _("Looked into"), moment),
    ]
    more = [
        column("event_id", _("Event")),
        column("payment_key", _("Key of our payment")),
        column("made_at", _("Made, by the gateway's clock"), moment),
        column("claims", _("Tries")),
        column("next_at", _("Next try"), moment),
        column("last_error", _("Last error")),
    ]
    list_filter = [waits_for(GatewayNotice), NoticeState]
    ordering = ["-pk"]

    def title_of(self, record: GatewayNotice) -> str:
        return gettext("Notice %(number)s of %(gateway)s") % {"number": record.pk, "gateway": record.gateway}


@admin.display(description=_("Booking"))
def booking(dispute: Dispute) -> SafeString:
    return booking_link(dispute.payment.booking)


@admin.display(description=_("Amount"), ordering="amount")
def amount(dispute: Dispute) -> str:
    return str(dispute.money)


@admin.display(description=_("State"))
def standing(dispute: Dispute) -> SafeString:
    return badge("dispute", standing_of(dispute))


def standing_of(dispute: Dispute) -> str:
    """Name where a dispute stands: whether we have to answer, the bank has to decide, or it is over."""
    if dispute.closed_at is not None:
        return "over"
    return "bank" if dispute.answer_by is None else "answer"


class DisputeAdmin(RecordAdmin):
    """Staff answer a dispute on the gateway's own pages; what becomes of it is seen here."""

    list_display = [
        column("id", _("Dispute")),
        *(booking, amount, standing),
        column("answer_by", _("Answer by"), moment),
        column("reason", _("Reason")),
        column("opened_at", _("Opened"), moment),
        column("closed_at", _("Over"), moment),
    ]
    more = [
        column("standing", _("The gateway's word")),
        column("payment", _("Payment"), payment_link),
        column("gateway", _("Gateway")),
        column("gateway_id", _("Its name there")),
        column("refundable", _("A refund ends it"), lambda is_so: _("yes") if is_so else _("no: the money is gone")),
        column("outcome", _("How it ended")),
        column("looked_at", _("Last looked at"), moment),
    ]
    list_filter = [waits_for(Dispute)]
    list_select_related = ["payment__booking"]
    paginator = OnIndexPaginator
    # Those that are open first, and of them the one that must be answered first.
    ordering = [F("closed_at").asc(nulls_first=True), F("answer_by").asc(nulls_first=True), "pk"]

    def title_of(self, record: Dispute) -> str:
        named = {"number": record.pk, "reference": record.payment.booking.reference}
        return gettext("Dispute %(number)s of booking %(reference)s") % named


def _in_lines(differences: list[dict[str, str]]) -> SafeString:
    """Each difference in a line of its own."""
    lines = ((labels.DIFFERENCE.get(row["kind"], row["kind"]), _about(row)) for row in differences)
    return format_html_join("", "<div>{}: {}</div>", lines)


@admin.display(description=_("Differences"))
def how_many(found: PaymentComparison) -> str:
    return str(len(found.differences))


def _about(row: dict[str, str]) -> SafeString:
    """What a difference is about; a booking leads to its page."""
    named = [row[name] for name in ("amount", "gateway", "payment", "key") if row.get(name)]
    words = format_html_join(", ", "{}", [(word,) for word in named])
    if not row.get("booking"):
        return words
    address = f"{reverse('admin:search')}?{urlencode({'q': row['booking']})}"
    return format_html('<a href="{}">{}</a>, {}', address, row["booking"], words)


class PaymentComparisonAdmin(RecordAdmin):
    list_display = [
        column("finished_at", _("Finished"), moment),
        column("payments_compared", _("Payments compared")),
        column("payments_foreign", _("Of other systems")),
        how_many,
    ]
    more = [column("differences", _("What differs"), _in_lines)]
    list_filter = [waits_for(PaymentComparison)]
    ordering = ["-pk"]

    def title_of(self, record: PaymentComparison) -> str:
        return gettext("Comparison of %(at)s") % {"at": record}
