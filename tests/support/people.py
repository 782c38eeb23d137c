"""People who work in the back office, and what they read there."""

import re
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client


def make_groups() -> None:
    """Make the groups that the migration made: a test that empties the tables deletes them."""
    import_module("bookings.migrations.0002_groups").make_groups(apps, None)


def a_person(name: str = "anna", *rights: str, group: str = "") -> Any:
    """Make somebody who may log in to the back office, with a group's rights or with single ones."""
    person = get_user_model().objects.create_user(name, password="a long password", is_staff=True)
    if group:
        if not Group.objects.filter(name=group).exists():
            make_groups()
        person.groups.add(Group.objects.get(name=group))
    person.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return person


def desk_of(person: Any) -> Client:
    """A browser in which this person is logged in."""
    client = Client(headers={"X-Request-ID": "desk-1"})
    client.force_login(person)
    return client


def text_of(answer: Any) -> str:
    """What a page says, without its tags and with single blanks."""
    content = re.sub(r"(?s)<(script|style).*?</\1>|</?(a|span|strong|time)\b[^>]*>", "", answer.content.decode())
    content = re.sub(r"<[^>]*>", " ", content)
    return re.sub(r"\s+", " ", content)


def fields_of(answer: Any) -> dict[str, str]:
    """The hidden fields of the page's forms, to send them back; without Django's own token."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}
