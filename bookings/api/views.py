"""The endpoints. Each translates in, calls one service, and translates out."""

from dataclasses import replace
from functools import cache, reduce
from http import HTTPStatus
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from bookings import wiring
from bookings.actor import Actor
from bookings.answers import rendering
from bookings.answers.announcements import announcement_as_json
from bookings.answers.money import money_as_json
from bookings.answers.rendering import FAILURES, render
from bookings.api.access import caller_of
from bookings.api.addresses import LINKS
from bookings.api.all_cells import PLACES, is_of_one_cell, list_of_all_cells
from bookings.api.contacts import contact_in, without_address
from bookings.api.errors import request_id_of, respond
from bookings.api.headers import (
    idempotency_key,
    prefers_async,
    required_idempotency_key,
    seen_bookings,
    seen_versions,
    versions_of,
)
from bookings.api.pagination import pages_for
from bookings.api.schema import describe
from bookings.api.serializers import (
    CancelBookingRequest,
    ChangeBookingContactRequest,
    CreateBookingRequest,
    ListBookingsQuery,
    ListEventsQuery,
    PayBookingRequest,
    StrictSerializer,
)
from bookings.cells import cell, refuse_another_cell
from bookings.conf import RATE_WINDOW_SECONDS
from bookings.db.replica import read_list
from bookings.errors import BookingNotFound, InvalidRequest
from bookings.lifecycle import CancelReason
from bookings.queries.announcements import announcements_after
from bookings.queries.bookings import visible
from bookings.queries.bookings.selection import hours_of
from bookings.queries.bookings.shown import Question
from bookings.queries.bookings.timeline import timeline_of
from bookings.queries.payments import money_of
from bookings.services.access.key_cells import have_key_here
from bookings.services.bookings.cancel import cancel_booking_for_client
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.messages.contacts import change_contact, erase_contact, erase_contacts_of
from bookings.services.payments.pay import PaymentOrder, pay_booking
from bookings.services.shared.idempotency import KeyedRequest
from bookings.text.flight_numbers import spellings_of
from bookings.text.ids import exact_id
from bookings.text.references import reference_in

# The scope of an idempotency key beside its principal: one key on two of these is two keys.
CREATE_ENDPOINT = "POST /bookings"
PAY_ENDPOINT = "POST /bookings/payments"
CANCEL_ENDPOINT = "POST /bookings/{id}/cancel"


# Parameters that may be sent more than once.
LISTS = ("status", "types")


def validated(serializer: type[StrictSerializer], data: Any, *, userless: bool = False) -> dict[str, Any]:
    """
    Check what a client sent.

    :param userless: nothing but the body can name the user, so that it must
    """
    values: dict[str, Any] = _checker(serializer, userless).run_validation(data)
    return values


@cache
def _checker(serializer: type[StrictSerializer], userless: bool) -> StrictSerializer:
    """
    Make the one instance that checks all requests of a kind; checking leaves nothing in it.

    A new one for each request would copy its fields, and each new field makes Python forget what it has
    cached about all classes of fields: a tenth of a create's CPU time.
    """
    checker = serializer()
    if userless:
        checker.fields["userId"].required = True
    return checker


def asked_for(request: Request, serializer: type[StrictSerializer]) -> tuple[dict[str, Any], Actor]:
    """
    Read what a client wants changed, and who asks for it on behalf of whom.

    The user's id is in it even where the body left it to the token: both spellings are one request.
    """
    caller = caller_of(request)
    asked = validated(serializer, request.data, userless=caller.user_id is None)
    actor = caller.acting_for(asked.get("userId"), request_id=request_id_of(request))
    return {**asked, "userId": actor.user_id}, actor


def query_of(request: Request) -> dict[str, Any]:
    """
    The query as a dictionary.

    :raises InvalidRequest: if a parameter is there twice: either may be meant
    """
    sent = request.query_params
    twice = {name: "Send it once." for name, values in sent.lists() if len(values) > 1 and name not in LISTS}
    if twice:
        raise InvalidRequest(fields=twice)
    return {**sent.dict(), **{name: sent.getlist(name) for name in LISTS if name in sent}}


def reader_of(request: Request) -> Actor:
    return caller_of(request).reading(request_id=request_id_of(request))


def keyed(request: Request, endpoint: str, key: str, *, decides: int, **asked: Any) -> KeyedRequest:
    """
    Name a request by its key.

    :param decides: the flight, or the booking, that says which cell the request is of
    """
    made = KeyedRequest.of(principal=caller_of(request).principal, endpoint=endpoint, key=key, validated=asked)
    have_key_here(made, decides=decides, keys=wiring.cell_keys())
    return made


class LimitedViewSet(ViewSet):
    """Endpoints that count their callers' requests."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say what is left of the caller's limit, in every answer, refusals too."""
        answer: HttpResponse = super().finalize_response(request, response, *args, **kwargs)
        allowance = getattr(getattr(request, "_request", request), "allowance", None)
        if allowance is not None:
            answer.headers["RateLimit-Limit"] = str(allowance.limit)
            answer.headers["RateLimit-Remaining"] = str(allowance.remaining)
            answer.headers["RateLimit-Reset"] = str(allowance.resets_in)
            answer.headers["RateLimit-Policy"] = f"{allowance.limit};w={RATE_WINDOW_SECONDS}"
        return answer


class BookingViewSet(LimitedViewSet):
    """Bookings: hold, list, read, pay, cancel."""

    @property
    def failure(self) -> str:
        """The message of an error's envelope, in the words of the design document."""
        return FAILURES.get(self.action or "", "Request failed")

    @describe("create")
    def create(self, request: Request) -> HttpResponse:
        asked, actor = asked_for(request, CreateBookingRequest)
        key, contact = idempotency_key(request), contact_in(request, asked)
        known_by = without_address(asked, contact)
        result = create_booking(
            order=SeatOrder(
                asked["flightId"],
                asked["userId"],
                asked["noOfSeats"],
                asked.get("expectedPrice"),
                asked.get("clientReference", ""),
                asked.get("metadata"),
                contact,
                tuple(asked.get("seatNumbers", ())),
                asked.get("replaces"),
            ),
            actor=actor,
            keyed=keyed(request, CREATE_ENDPOINT, key, decides=asked["flightId"], **known_by) if key else None,
            respond_async=prefers_async(request),
            flights=wiring.flight_service(),
            refuses=wiring.payment_gateway().refuses,
            seal=wiring.seal(),
        )
        return respond(render(result))

    @describe("list")
    def list(self, request: Request) -> HttpResponse:
        asked = validated(ListBookingsQuery, query_of(request))
        pages, others = pages_for(asked), wiring.other_cells()
        matching = _matching(asked, reader_of(request))
        if others is not None and not is_of_one_cell(request):
            refuse_another_cell(asked.get("flightId", cell().number))
            if "flightId" not in asked:
                data = list_of_all_cells(request, matching, pages=pages, others=others)
                return respond(rendering.success(data, message="Successfully completed the request"))
        rows = read_list(lambda: pages.page_of(matching, request))
        data = {
            "results": [rendering.booking_as_json(row, now=row.read_at) for row in rows],
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
        }
        places = {PLACES: " ".join(pages.places_of(rows))} if is_of_one_cell(request) else {}
        return respond(rendering.success(data, message="Successfully completed the request", headers=places))

    @describe("retrieve")
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        seen = seen_bookings(request)
        booking = visible.booking_shown_to(reader_of(request), pk)
        visible.refuse_if_changed(booking, seen=versions_of(booking.id, seen))
        message = "Successfully completed the request"
        return respond(rendering.shown(booking, booking.read_at, HTTPStatus.OK, message))

    @describe("events")
    @action(detail=True, methods=["get"])
    def events(self, request: Request, pk: str) -> HttpResponse:
        reader = reader_of(request)
        booking = visible.get_booking(pk, actor=reader)
        lines = [rendering.event_as_json(event, reader=reader) for event in timeline_of(booking)]
        return respond(rendering.success({"results": lines}, message="Successfully completed the request"))

    @describe("money")
    @action(detail=True, methods=["get"], url_path="payments")
    def money(self, request: Request, pk: str) -> HttpResponse:
        booking = visible.get_booking(pk, actor=reader_of(request))
        data = money_as_json(*money_of(booking))
        return respond(rendering.success(data, message="Successfully completed the request"))

    @describe("pay")
    @action(detail=False, methods=["post"], url_path="payments")
    def pay(self, request: Request) -> HttpResponse:
        asked, actor = asked_for(request, PayBookingRequest)
        key = required_idempotency_key(request)
        result = pay_booking(
            order=PaymentOrder(
                asked["bookingId"],
                asked["totalCost"],
                asked.get("currency"),
                seen_versions(request, asked["bookingId"]),
                asked.get("paymentToken", ""),
            ),
            actor=actor,
            keyed=keyed(request, PAY_ENDPOINT, key, decides=asked["bookingId"], **asked),
            payments=wiring.payment_gateway(),
            gateways=wiring.payment_gateways(),
        )
        return respond(render(result))

    @describe("cancel")
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> HttpResponse:
        booking_id = booking_id_in(pk)
        asked, actor = asked_for(request, CancelBookingRequest)
        key = idempotency_key(request)
        result = cancel_booking_for_client(
            booking_id=booking_id,
            actor=actor,
            reason=CancelReason.CUSTOMER_REQUEST,
            note=asked.get("reason", ""),
            seen=seen_versions(request, booking_id),
            payments=wiring.payment_gateways(),
            keyed=keyed(request, CANCEL_ENDPOINT, key, decides=booking_id, bookingId=booking_id, **asked)
            if key
            else None,
        )
        return respond(render(result))


class ContactViewSet(LimitedViewSet):
    """Where travelers are reached: given once more, or forgotten, and never shown."""

    failure = "Request failed"

    @describe("contact_change")
    def contact_change(self, request: Request, pk: str) -> HttpResponse:
        booking_id = booking_id_in(pk)
        asked, actor = asked_for(request, ChangeBookingContactRequest)
        contact = contact_in(request, asked)
        if contact is None:
            raise AssertionError("a body without a contact is refused")
        change_contact(booking_id=booking_id, given=contact, actor=actor, seal=wiring.seal())
        return respond(rendering.success({}, message="Contact changed"))

    @describe("contact_erase")
    def contact_erase(self, request: Request, pk: str) -> HttpResponse:
        erase_contact(booking_id=booking_id_in(pk), actor=reader_of(request))
        return respond(rendering.success({}, message="Contact erased"))

    @describe("contacts_erase")
    def contacts_erase(self, request: Request, pk: str) -> HttpResponse:
        user_id = exact_id(pk)
        if user_id is None:
            raise InvalidRequest(fields={"id": "Must be the id of a user, a whole number from 1 on."})
        erase_contacts_of(user_id=user_id, actor=reader_of(request))
        return respond(rendering.success({}, message="Contacts erased"))


class EventViewSet(LimitedViewSet):
    """What has happened to bookings, for services."""

    @describe("feed")
    def feed(self, request: Request) -> HttpResponse:
        asked = validated(ListEventsQuery, query_of(request))
        page = announcements_after(asked.get("after"), types=asked.get("types", ()), most=asked["limit"])
        address = request.build_absolute_uri()
        data = {
            "results": [announcement_as_json(row) for row in page.rows],
            "next": replace_query_param(address, "after", page.after) if page.after else address,
            "hasMore": page.has_more,
        }
        return respond(rendering.success(data, message="Successfully completed the request"))


class LinksView(APIView):
    """Where a client goes from here; every client may know."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes: list[Any] = []

    @describe("links")
    def get(self, request: Request) -> HttpResponse:
        return respond(rendering.success(LINKS, message="Go on from here"))


class InfoView(APIView):
    """What answers here; every client may know."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes: list[Any] = []

    @describe("info")
    def get(self, request: Request) -> HttpResponse:
        data = {"name": "Flight Booking Service", "version": settings.VERSION, "apiVersion": "v1"}
        return respond(rendering.success(data, message="API is live"))


def booking_id_in(text: str) -> int:
    """
    Read an id out of a path.

    :raises BookingNotFound: for anything that is no id of ours
    :raises WrongCell: for the id of a booking that another cell has
    """
    booking_id = exact_id(text)
    if booking_id is None:
        raise BookingNotFound
    refuse_another_cell(booking_id)
    return booking_id


def _matching(asked: dict[str, Any], reader: Actor) -> Question:
    rows = visible.bookings_shown_to(reader)
    columns = {
        "userId": "user_id",
        "flightId": "flight_id",
        "createdAfter": "created_at__gt",
        "createdBefore": "created_at__lt",
        "updatedAfter": "updated_at__gt",
    }
    rows = rows.filter(**{column: asked[name] for name, column in columns.items() if name in asked})
    if "clientReference" in asked:
        called = asked["clientReference"]
        rows = rows.filter(client_reference=called, client_reference__exactly=called)
    if "reference" in asked:
        rows = rows.filter(reference=reference_in(asked["reference"]))
    if "status" in asked:
        rows = rows.filter(reduce(or_, (Q(status=status) for status in asked["status"])))
    if "flightNumber" in asked:
        rows = replace(rows, is_sorted=True).filter(
            reduce(or_, (Q(flight_number=number) for number in spellings_of(asked["flightNumber"])))
        )
    if "departureDay" in asked:
        begin, end = hours_of(asked["departureDay"])
        rows = rows.filter(departure_at__gte=begin, departure_at__lt=end)
    return rows
