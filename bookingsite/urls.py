"""Every address of the site."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from bookings.api import operations, webhooks
from bookings.api.errors import unknown_path
from bookingsite.web import dev_mail

urlpatterns = [
    # First, as most requests are for it: addresses are tried in turn.
    path("api/", include("bookings.api.urls")),
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("admin/", admin.site.urls),
    path("api", unknown_path),
    path("webhooks/<gateway>", webhooks.receive),
    path("webhooks", webhooks.unknown),
    path("webhooks/<path:path>", webhooks.unknown),
    path("health/live", operations.live),
    path("health/ready", operations.ready),
    path("metrics", operations.metrics),
    *([path("dev/mail", dev_mail.inbox)] if settings.DEBUG else []),
]

handler500 = "bookingsite.web.unavailable.answer_500"
