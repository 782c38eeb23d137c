"""
What was typed into a form that was not carried out, as its session had ended or was another by then.

It travels through the log-in in a hidden field, signed and for a quarter of an hour, then waits in the new session
for the page that it was typed on. That page shows it once, in a form that its reader has to send again: nothing is
ever sent by itself. No password is kept, and nothing that is large.
"""

import time
from typing import Any, cast

from django import forms
from django.core import signing
from django.http import HttpRequest, QueryDict

from bookings.office.base import AnyModelAdmin

FIELD = "unsent"
SECONDS = 15 * 60
# All that our forms take is shorter; what is longer is typed again.
MOST_BYTES = 8 * 1024

# Parts of the names of fields that are not for keeping, in any spelling.
SECRETS = ("password", "token", "secret", "traveler_email")

_SESSION, _SALT = "unsent", "bookings.office.unsent"


class Unsent:
    """What was typed on a page, and whether it could be kept."""

    def __init__(self, fields: QueryDict, *, is_kept: bool) -> None:
        self.fields = fields
        self.is_kept = is_kept
        # Whether a form of this page has been given it.
        self.is_shown = False


def signed(request: HttpRequest) -> str:
    """What a form has sent, to travel with the log-in page that answers it."""
    return signing.dumps(_kept(request), salt=_SALT, compress=True)


def is_signed(text: str) -> bool:
    """Whether it was made here, a short while ago."""
    return _read(text) is not None


def carry_over(request: HttpRequest) -> None:
    """Put what came with the log-in into the session of who has just logged in."""
    kept = _read(request.POST.get(FIELD, ""))
    if kept is not None:
        request.session[_SESSION] = kept


def keep(request: HttpRequest, *, page: str = "") -> None:
    """Put what a form has sent into the session; it is shown on `page`, or on the page that the form stands on."""
    request.session[_SESSION] = {**_kept(request), **({"page": page} if page else {})}


def take(request: HttpRequest) -> Unsent | None:
    """Give what was typed on this page, and forget it; None if nothing was."""
    kept = request.session.get(_SESSION)
    if kept is None:
        return None
    is_old = time.time() - kept["at"] > SECONDS
    if is_old or kept["page"] == request.get_full_path():
        del request.session[_SESSION]
    if is_old or kept["page"] != request.get_full_path():
        return None
    return Unsent(QueryDict(kept["fields"] or ""), is_kept=kept["fields"] is not None)


def kept_page(request: HttpRequest) -> str:
    """The page that will show again what was typed there and not sent; empty if nothing was."""
    kept = request.session.get(_SESSION)
    return "" if kept is None or time.time() - kept["at"] > SECONDS else str(kept["page"])


def hand_on(request: HttpRequest, page: str) -> None:
    """Let another page show it: a form may stand elsewhere than where it is sent to."""
    found: Unsent | None = getattr(request, "unsent", None)
    if found is not None:
        fields = found.fields.urlencode() if found.is_kept else None
        request.session[_SESSION] = {"page": page, "fields": fields, "at": int(time.time())}


def typed(request: HttpRequest, form: forms.BaseForm, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was typed on this page before, as far as a person sees the fields of this form: its `initial`."""
    found: Unsent | None = getattr(request, "unsent", None)
    if found is None or not found.fields:
        return {}
    values = {}
    for field in form.visible_fields():
        widget, name = field.field.widget, field.html_name
        is_sent = not widget.value_omitted_from_data(found.fields, cast(Any, {}), name)
        if is_sent and field.name not in without:
            values[field.name] = widget.value_from_datadict(found.fields, cast(Any, {}), name)
    found.is_shown = found.is_shown or bool(values)
    return values


class KeepsTyped(AnyModelAdmin):
    """What the site puts in front of Django's own pages that change a row: their forms show what was not sent."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        if getattr(request, "unsent", None) is None:
            return cast(type[Any], form)

        class Refilled(form):  # type: ignore[misc]  # made by Django for this row
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.initial.update(typed(request, self))

        return Refilled


def _kept(request: HttpRequest) -> dict[str, Any]:
    fields = request.POST.copy()
    for name in list(fields):
        if name == FIELD or any(part in name.lower() for part in SECRETS):
            del fields[name]
    text = fields.urlencode()
    return {
        "page": request.get_full_path(),
        "fields": text if len(text) <= MOST_BYTES else None,
        "at": int(time.time()),
    }


def _read(text: str) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = signing.loads(text, salt=_SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    return kept
