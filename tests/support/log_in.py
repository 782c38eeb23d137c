"""Logs in to the back office as a browser does: with the tokens of its forms, and all that stands in them."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client

LOGIN, RIGHT = "/admin/login/", "correct horse battery staple"


def token_in(answer: Any) -> str:
    (found, *_) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]*)"', answer.content.decode())
    return found


def blob_in(answer: Any) -> str:
    found = re.search(r'name="unsent" value="([^"]*)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def log_in(
    client: Client,
    *,
    page: Any = None,
    name: str = "anna",
    password: str = RIGHT,
    onward: str = "/admin/",
    **more: str,
) -> Any:
    """Send the log-in that a page shows, with all that stands in it."""
    page = page or client.get(LOGIN, {"next": onward})
    found = re.search(r'<form action="([^"]*)" method="post" id="login-form"', page.content.decode())
    hidden = {"next": unescape(re.search(r'name="next" value="([^"]*)"', page.content.decode())[1])}
    if blob_in(page):
        hidden["unsent"] = blob_in(page)
    said = {"username": name, "password": password, "csrfmiddlewaretoken": token_in(page)}
    return client.post(unescape(found[1]), {**hidden, **said, **more})


def end_session(client: Client) -> None:
    """As half an hour without a page does."""
    Session.objects.update(expire_date=F("expire_date") - timedelta(days=1))


def log_in_elsewhere(client: Client, name: str = "anna") -> None:
    """Log out and in again in another tab, which gives the browser another token."""
    client.post("/admin/logout/", {"csrfmiddlewaretoken": token_in(client.get("/admin/"))})
    assert log_in(client, name=name).status_code == 302
