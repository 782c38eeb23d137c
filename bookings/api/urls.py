"""/api/v1, and nothing else under /api."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from bookings.api.documents import DocsView, OpenApiView
from bookings.api.errors import unknown_path
from bookings.api.views import BookingViewSet, EventViewSet, InfoView, LinksView

router = SimpleRouter(trailing_slash=False)
router.register("v1/bookings", BookingViewSet, basename="booking")

urlpatterns = [
    # First, as most requests are for these, and on this level: each costs time.
    *router.urls,
    path("v1", LinksView.as_view()),
    path("v1/events", EventViewSet.as_view({"get": "feed"})),
    path("v1/info", InfoView.as_view()),
    path("v1/openapi.json", OpenApiView.as_view(), name="openapi"),
    path("v1/docs", DocsView.as_view(), name="docs"),
    re_path(r"^(?P<path>.*)$", unknown_path),
]
