"""Receivers of webhooks in memory, endpoints with something to send, and how it stands with it."""

import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db.models import F

from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.lifecycle import News
from bookings.models import Announcement, Report, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import EndpointState
from bookings.ports.webhooks import Accepted, Letter, SendOutcome, UnsafeAddress
from bookings.queries.announced import facts_of, shown_now
from bookings.services.shared.sealing import Seal
from bookings.services.webhooks.deliver import deliver
from bookings.services.webhooks.endpoints import Made, Owner, make_endpoint
from bookings.services.webhooks.fan_out import delivery
from tests.support.bookings import a_saved_row

OPEN = Owner()
OWNER = Actor(ActorKind.SERVICE, "crm", "request-1")
SEAL_KEY = bytes(range(32))
SEAL = Seal([SEAL_KEY])
URL = "https://hooks.example.org/a"

Says = SendOutcome | Callable[[Letter], SendOutcome]


class FakeWebhooks:
    """Receivers by their address: each answers what it is told to, one after the other; 200 from then on."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.at_once: dict[str, int] = defaultdict(int)
        self._says: dict[str, deque[Says]] = defaultdict(deque)
        self._always: dict[str, Says] = {}
        self._sending: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def says(self, *outcomes: Says, url: str = URL) -> None:
        """Plan the next answers."""
        self._says[url].extend(outcomes)

    def always(self, says: Says, *, url: str = URL) -> None:
        """Plan every answer."""
        self._always[url] = says

    def ids(self, url: str = URL) -> list[str]:
        """Give the ids of what came, in its order."""
        return [letter.key for letter in self.letters if letter.url == url]

    def normal(self, url: str) -> str:
        if not url.startswith("https://"):
            raise UnsafeAddress("must begin with https://")
        return url

    def leads_to(self, url: str, *, seconds: float) -> tuple[str, ...]:
        return ("93.184.216.34",)

    def send(self, letter: Letter, *, seconds: float) -> SendOutcome:
        with self._lock:
            self.letters.append(letter)
            self._sending[letter.url] += 1
            self.at_once[letter.url] = max(self.at_once[letter.url], self._sending[letter.url])
            planned = self._says[letter.url]
            says = planned.popleft() if planned else self._always.get(letter.url, Accepted(200))
        try:
            return says(letter) if callable(says) else says
        finally:
            with self._lock:
                self._sending[letter.url] -= 1


def an_endpoint(
    url: str = URL, *, types: Iterable[str] = (), owner: Owner = OPEN, active: bool = True, contact_email: str = ""
) -> Made:
    """Make an endpoint; an active one has answered its ping long ago."""
    made = make_endpoint(
        url=url,
        types=list(types),
        owner=owner,
        actor=OWNER,
        webhooks=FakeWebhooks(),
        seal=SEAL,
        contact_email=contact_email,
    )
    if active:
        WebhookDelivery.objects.filter(endpoint=made.endpoint).delete()
        WebhookEndpoint.objects.filter(pk=made.endpoint.pk).update(state=EndpointState.ACTIVE)
        made.endpoint.refresh_from_db()
    return made


def announcements(count: int, *, bookings: int = 1) -> list[Announcement]:
    """Write so many announcements, of so many bookings in turn, as the announcer does."""
    rows = [a_saved_row() for _ in range(bookings)]
    now = database_time()
    Announcement.objects.bulk_create(
        Announcement(
            key=f"evt_{uuid.uuid4().hex}",
            booking=rows[number % bookings],
            sequence=number // bookings + 1,
            type=News.HELD,
            occurred_at=now,
            facts=facts_of(shown_now(rows[number % bookings], at=now), {"from": "pending", "to": "initiated"}),
            created_at=now,
        )
        for number in range(count)
    )
    return list(Announcement.objects.select_related("booking").order_by("pk"))


def to_deliver(endpoint: WebhookEndpoint, announcements: Iterable[Announcement]) -> list[WebhookDelivery]:
    """Write a delivery of each announcement, as the announcer does."""
    now = database_time()
    rows = [delivery(endpoint, each, now) for each in announcements]
    WebhookDelivery.objects.bulk_create(rows)
    return list(WebhookDelivery.objects.filter(endpoint=endpoint).order_by("pk"))


def send_due(webhooks: FakeWebhooks, *, seal: Seal = SEAL, seconds: float = 5) -> int:
    """Do the worker's work until nothing is due; give how many were delivered."""
    return deliver(webhooks=webhooks, seal=seal, deadline=Deadline(seconds))


def let_webhooks_wait(**time: float) -> None:
    """Let time pass for all that waits: pauses, rests, lanes and ends come so much sooner."""
    earlier = timedelta(**time)
    for columns in ("next_at", "ends_at", "first_sent_at", "created_at"):
        WebhookDelivery.objects.exclude(**{columns: None}).update(**{columns: F(columns) - earlier})
    for columns in ("rest_until", "failing_since", "lane_until", "previous_expires_at", "created_at"):
        WebhookEndpoint.objects.exclude(**{columns: None}).update(**{columns: F(columns) - earlier})


def a_report(endpoint: WebhookEndpoint, **columns: str) -> Report:
    """Write down a mail to the owner of an endpoint that is over."""
    now = database_time()
    moments = dict.fromkeys(("since", "until", "worthless_at", "ended_at", "created_at"), now)
    return Report.objects.create(key=f"{endpoint.pk} {columns['kind']}", endpoint=endpoint, **moments, **columns)
