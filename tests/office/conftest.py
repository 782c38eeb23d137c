"""Who sits at the desk."""

import pytest
from django.contrib.auth.models import Permission


@pytest.fixture
def at_desk(db, client, django_user_model):
    """Log somebody in who works here and has these rights, and give the browser."""

    def log_in(*rights, name="anna"):
        user = django_user_model.objects.create_user(name, is_staff=True)
        for right in rights:
            app, code = right.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=code))
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def desk(at_desk):
    """The browser of somebody who may see bookings, and the calls to the Flight Service."""
    return at_desk("bookings.view_booking", "bookings.view_seatcall")
