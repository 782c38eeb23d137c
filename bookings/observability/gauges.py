"""The gauges that are read from tables at each scrape: short ranges of indexes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet

from bookings.db.clock import database_time
from bookings.lifecycle import UNPAID
from bookings.models import Booking, Dispute, GatewayNotice, Payment, Refund, SeatCall, SeatExchange, WebhookEndpoint
from bookings.models.notices import GatewayNoticeState
from bookings.models.payments import UNANSWERED, PaymentState, PaymentStep
from bookings.models.refunds import UNFINISHED, RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.webhooks import SENT_TO, EndpointState
from bookings.queries.announcements import waiting_since
from bookings.queries.bookings.archived import archive_is_behind
from bookings.queries.messages import overdue_since
from bookings.queries.messages import waiting_since as waiting_for_mail_since
from bookings.queries.payment_comparisons import last_payment_comparison
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation
from bookings.queries.upkeep import background, workers
from bookings.queries.upkeep.cluster import PRIMARY, SYNCED, status_of_node
from bookings.queries.webhooks import oldest_due

CLOSING = Q(state=PaymentState.PROCESSING, step=PaymentStep.CLOSING)

# Labels and value.
Number = tuple[dict[str, str], float]
# Name, meaning, and values; none where there is nothing to say.
Numbers = tuple[str, str, list[Number]]


def numbers() -> list[Numbers]:
    """Read everything, in a fixed number of statements, however full the tables are."""
    now = database_time()
    return [
        *(*_waiting(now), *_at_gateways(now), *_at_receivers(now), *_for_travelers(now)),
        *(*_background(now), *_compared(now), *_connections(), *_cluster()),
    ]


def _waiting(now: datetime) -> list[Numbers]:
    """Bookings, calls and payments that wait for another system or for staff, and since when the oldest does."""
    unresolved, unresolved_age = _count_and_age(Booking.objects.unanswered(), now)
    stuck, stuck_age = _count_and_age(Booking.objects.stuck(), now)
    exchanges, exchanges_age = _count_and_age(SeatExchange.objects.unanswered(), now)
    undecided, undecided_age = _count_and_age(SeatExchange.objects.stuck(), now)
    open_calls, open_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.OPEN), now)
    dead_calls, dead_age = _count_and_age(SeatCall.objects.filter(state=SeatCallState.DEAD), now)
    unpaid = _counted(Booking.objects.all(), "status", UNPAID)
    unsettled = _counted(Payment.objects.all(), "state", UNANSWERED)
    refunds = _counted(Refund.objects.filter(decision=""), "state", (*UNFINISHED, RefundState.FAILED))
    return [
        ("unpaid", "Bookings that wait for their seats or their payment.", unpaid),
        ("reservations_unresolved", "Reservations whose outcome is not known yet.", unresolved),
        ("reservations_oldest_unresolved_seconds", "Age of the oldest reservation of unknown outcome.", unresolved_age),
        ("reservations_stuck", "Reservations that wait for a decision by staff.", stuck),
        ("reservations_oldest_stuck_seconds", "Age of the oldest reservation that waits for staff.", stuck_age),
        ("exchanges_unresolved", "Exchanges of seats whose outcome is not known yet.", exchanges),
        ("exchanges_oldest_unresolved_seconds", "Age of the oldest exchange of unknown outcome.", exchanges_age),
        ("exchanges_stuck", "Exchanges of seats that wait for a decision by staff.", undecided),
        ("exchanges_oldest_stuck_seconds", "Age of the oldest exchange that waits for staff.", undecided_age),
        (
            "seats_owed",
            "Seats of cancelled bookings that are not given back yet.",
            _plain(owed.seats_still_owed()),
        ),
        ("releases_open", "Releases and corrections that have no answer yet.", open_calls),
        ("releases_oldest_open_seconds", "Age of the oldest release or correction without an answer.", open_age),
        ("releases_dead", "Releases and corrections that wait for a decision by staff.", dead_calls),
        ("releases_oldest_dead_seconds", "Age of the oldest release or correction that waits for staff.", dead_age),
        ("payments_unsettled", "Payments that wait for the gateway or for staff.", unsettled),
        ("refunds_open", "Refunds that wait for the gateway or for staff.", refunds),
    ]


def _at_gateways(now: datetime) -> list[Numbers]:
    """Payments, refunds, disputes and notices that payment gateways have to do with."""
    steps, steps_age = _by_word(Payment.objects.filter(state=PaymentState.PROCESSING), "step", PaymentStep, now)
    _, refunds_age = _by_word(Refund.objects.filter(decision=""), "state", (*UNFINISHED, RefundState.FAILED), now)
    disputes = Dispute.objects.filter(closed_at=None).aggregate(
        count=Count("pk"), since=Min("opened_at"), by=Min("answer_by")
    )
    notices = GatewayNotice.objects.filter(state=GatewayNoticeState.NEW).aggregate(
        count=Count("pk"), since=Min("received_at")
    )
    last_notice = GatewayNotice.objects.aggregate(at=Max("received_at"))["at"]
    return [
        ("payments_open", "Payments without an outcome, by how far they are.", steps),
        ("payments_oldest_open_seconds", "Age of the oldest payment without an outcome.", steps_age),
        (
            "refunds_oldest_open_seconds",
            "Age of the oldest refund that waits for the gateway or for staff.",
            refunds_age,
        ),
        (
            "payments_closing_seconds",
            "How long the payment that could not be closed for longest was to be closed.",
            _plain(_age(Payment.objects.filter(CLOSING).aggregate(at=Min("closing_since"))["at"], now)),
        ),
        ("disputes_open", "Disputes that are not over.", _plain(disputes["count"])),
        (
            "disputes_oldest_open_seconds",
            "Age of the oldest dispute that is not over.",
            _plain(_age(disputes["since"], now)),
        ),
        (
            "dispute_answer_due_seconds",
            "Time until the next dispute must be answered; below zero it is too late. No value: none must be.",
            [] if disputes["by"] is None else _plain((disputes["by"] - now).total_seconds()),
        ),
        ("notices_new", "Notices of payment gateways that were not looked into yet.", _plain(notices["count"])),
        ("notices_oldest_new_seconds", "Age of the oldest of these.", _plain(_age(notices["since"], now))),
        (
            "notice_age_seconds",
            "Time since a payment gateway last told something. No value: none ever did.",
            [] if last_notice is None else _plain(_age(last_notice, now)),
        ),
        *_compared_payments(now),
    ]


def _compared_payments(now: datetime) -> list[Numbers]:
    """The last comparison with the payment gateways; no values before the first one."""
    last = last_payment_comparison()
    return [
        (
            "payments_differing",
            "Payments in which we and the gateways differed at the last comparison.",
            _plain(len(last.differences)) if last else [],
        ),
        (
            "payments_compared_age_seconds",
            "Time since payments were last compared with the gateways.",
            _plain(_age(last.finished_at, now)) if last else [],
        ),
    ]


def _at_receivers(now: datetime) -> list[Numbers]:
    """Endpoints of webhooks, and what waits for those that answer."""
    endpoints = WebhookEndpoint.objects.filter(state__in=SENT_TO)
    failing = endpoints.aggregate(since=Min("failing_since"))["since"]
    states = _counted(WebhookEndpoint.objects.all(), "state", [state for state in EndpointState if state != "retired"])
    return [
        ("webhook_endpoints", "Endpoints of webhooks that are not retired.", states),
        (
            "webhook_failing_seconds",
            "For how long the endpoint has failed that fails longest.",
            _plain(_age(failing, now)),
        ),
        (
            "webhook_oldest_due_seconds",
            "For how long the oldest webhook has waited that is due to an endpoint that answers.",
            _plain(_age(oldest_due(now), now)),
        ),
    ]


def _for_travelers(now: datetime) -> list[Numbers]:
    """Mails that wait, and what is kept too long."""
    behind = archive_is_behind(now)
    return [
        (
            "messages_oldest_waiting_seconds",
            "For how long the oldest message to a traveler has waited.",
            _plain(_age(waiting_for_mail_since(), now)),
        ),
        (
            "contacts_overdue_seconds",
            "For how long the contact that should have been erased first is still there.",
            _plain(_age(overdue_since(now), now)),
        ),
        (
            "archive_behind_seconds",
            "For how long the oldest booking has been due that the archive has not looked at. No value: none leaves.",
            [] if behind is None else _plain(behind.total_seconds()),
        ),
    ]


def _background(now: datetime) -> list[Numbers]:
    """Whether the background work keeps up."""
    oldest_due = Booking.objects.past_deadline(now).aggregate(at=Min("expires_at"))["at"]
    finished_at = background.last_pass_finished_at()
    return [
        (
            "expiry_lag_seconds",
            "How long ago the payment window of the oldest booking that is due to expire closed.",
            _plain(_age(oldest_due, now)),
        ),
        (
            "announce_lag_seconds",
            "How long ago the oldest thing happened that others are not told about yet.",
            _plain(_age(waiting_since(), now)),
        ),
        (
            "pass_age_seconds",
            "Time since the last pass of the background work finished; -1 if none ever did.",
            # A time in the future was written by a clock that was ahead: it is as wrong as one of long ago.
            _plain(-1.0 if finished_at is None else abs((now - finished_at).total_seconds())),
        ),
        (
            "worker_silent_seconds",
            "Time since each worker that was not asked to stop last finished a pass, or began.",
            [
                ({"machine": each.machine, "worker": each.worker}, each.silence.total_seconds())
                for each in workers.at_work(now)
            ],
        ),
    ]


def _compared(now: datetime) -> list[Numbers]:
    """The last comparison with the Flight Service; no values before the first one."""
    last = last_reconciliation()
    flights = last.drift if last else []
    return [
        (
            "seats_drift",
            "Seats by which bookings and Flight Service differed at the last comparison, summed over flights.",
            _plain(sum(abs(flight["taken"] - flight["held"]) for flight in flights)) if last else [],
        ),
        (
            "flights_drifting",
            "Flights on which the two differed at the last comparison.",
            _plain(len(flights)) if last else [],
        ),
        (
            "seats_compared_age_seconds",
            "Time since seats were last compared with the Flight Service.",
            _plain(_age(last.finished_at, now)) if last else [],
        ),
    ]


def _connections() -> list[Numbers]:
    """Connections of all clients to the database server. SQLite has none."""
    current: list[Number] = []
    most: list[Number] = []
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
            current = _plain(float(cursor.fetchone()[1]))
            cursor.execute("SELECT @@max_connections")
            most = _plain(float(cursor.fetchone()[0]))
    elif connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT SUM(numbackends), current_setting('max_connections')::int FROM pg_stat_database")
            current, most = (_plain(float(number)) for number in cursor.fetchone())
    return [
        ("database_connections", "Open connections to the database server, of all clients.", current),
        ("database_connections_limit", "The most connections that the database server accepts.", most),
    ]


def _cluster() -> list[Numbers]:
    """The cluster that the database is a node of, as that node sees it; no values without one."""
    found = status_of_node() if connection.settings_dict.get("CLUSTER") else {}
    in_step = (found.get("wsrep_cluster_status"), found.get("wsrep_local_state_comment")) == (PRIMARY, SYNCED)
    return [
        (
            "database_cluster_size",
            "Nodes of the cluster that the database is a node of.",
            _plain(float(found["wsrep_cluster_size"])) if "wsrep_cluster_size" in found else [],
        ),
        (
            "database_cluster_in_step",
            "1 if the node that is written to belongs to the majority and has caught up; 0 if not.",
            _plain(float(in_step)) if found else [],
        ),
    ]


def _plain(number: float) -> list[Number]:
    return [({}, number)]


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _count_and_age(rows: QuerySet[Any], now: datetime) -> tuple[list[Number], list[Number]]:
    found = rows.aggregate(count=Count("pk"), since=Min("created_at"))
    return _plain(found["count"]), _plain(_age(found["since"], now))


def _counted(rows: QuerySet[Any], column: str, words: Sequence[str]) -> list[Number]:
    """Count the rows of each word; a word without rows is a zero, not a gap."""
    named = rows.filter(**{f"{column}__in": words}).values_list(column)
    found = dict(named.annotate(rows=Count("pk")))
    return [({column: str(word)}, found.get(word, 0)) for word in words]


def _by_word(
    rows: QuerySet[Any], column: str, words: Iterable[str], now: datetime
) -> tuple[list[Number], list[Number]]:
    """Count the rows of each word, and give the age of the oldest; a word without rows is a zero, not a gap."""
    grouped = rows.filter(**{f"{column}__in": list(words)}).values_list(column)
    found = {word: (count, since) for word, count, since in grouped.annotate(rows=Count("pk"), at=Min("created_at"))}
    counts = {str(word): found.get(word, (0, None)) for word in words}
    return (
        [({column: word}, count) for word, (count, _) in counts.items()],
        [({column: word}, _age(since, now)) for word, (_, since) in counts.items()],
    )
