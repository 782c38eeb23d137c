"""/api/v1, and nothing else under /api."""

from typing import Any

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from bookings.api.documents import DocsView, OpenApiView
from bookings.api.errors import unknown_path
from bookings.api.seat_views import SeatViewSet
from bookings.api.views import BookingViewSet, ContactViewSet, EventViewSet, InfoView, LinksView
from bookings.api.webhook_views import WebhookEndpointViewSet

router = SimpleRouter(trailing_slash=False)
router.register("v1/bookings", BookingViewSet, basename="booking")


def _endpoints(**actions: Any) -> Any:
    return WebhookEndpointViewSet.as_view(actions)


# By what follows the endpoint's id.
OF_AN_ENDPOINT = {
    "": _endpoints(get="endpoint_read", patch="endpoint_change", delete="endpoint_retire"),
    "/rotate-secret": _endpoints(post="endpoint_rotate"),
    "/ping": _endpoints(post="endpoint_ping"),
    "/replay": _endpoints(post="endpoint_replay"),
    "/deliveries": _endpoints(get="delivery_list"),
    "/deliveries/(?P<delivery>[^/.]+)": _endpoints(get="delivery_read"),
    "/deliveries/(?P<delivery>[^/.]+)/redeliver": _endpoints(post="delivery_again"),
}

urlpatterns = [
    # First, as most requests are for these, and on this level: each costs time.
    *router.urls,
    path("v1/webhook-endpoints", _endpoints(get="endpoint_list", post="endpoint_make")),
    *(re_path(rf"^v1/webhook-endpoints/(?P<pk>[^/.]+){rest}$", view) for rest, view in OF_AN_ENDPOINT.items()),
    re_path(
        r"^v1/bookings/(?P<pk>[^/.]+)/contact$",
        ContactViewSet.as_view({"put": "contact_change", "delete": "contact_erase"}),
    ),
    re_path(r"^v1/users/(?P<pk>[^/]+)/contacts$", ContactViewSet.as_view({"delete": "contacts_erase"})),
    re_path(r"^v1/bookings/(?P<pk>[^/.]+)/seats$", SeatViewSet.as_view({"post": "change_seats"})),
    re_path(r"^v1/flights/(?P<pk>[^/]+)/seats$", SeatViewSet.as_view({"get": "seat_map"})),
    path("v1", LinksView.as_view()),
    path("v1/events", EventViewSet.as_view({"get": "feed"})),
    path("v1/info", InfoView.as_view()),
    path("v1/openapi.json", OpenApiView.as_view(), name="openapi"),
    path("v1/docs", DocsView.as_view(), name="docs"),
    re_path(r"^(?P<path>.*)$", unknown_path),
]
