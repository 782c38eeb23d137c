"""What staff do to an endpoint of webhooks: each on a page that says first what will happen."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, re_path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import errors, wiring
from bookings.actor import Actor
from bookings.answers.rendering import STATUS
from bookings.db.clock import database_time
from bookings.models import WebhookEndpoint
from bookings.models.webhooks import SENT_TO, WRITTEN_DOWN_FOR, EndpointState
from bookings.office import unsent
from bookings.office.base import AnyModelAdmin, require, staff_of
from bookings.office.notes import NoteField
from bookings.services.webhooks import again, endpoints
from bookings.services.webhooks.endpoints import Owner, Wish
from bookings.text.ids import id_in

RIGHT = "bookings.manage_webhooks"

STAFF = Owner(is_staff=True)

# As long as announcements are kept.
MOST_HOURS = 30 * 24

# What the column of an endpoint takes.
LONGEST_REASON = 200


class SeenForm(forms.Form):
    """An action without anything to fill in."""

    # The version of the endpoint that the page showed.
    seen = forms.IntegerField(widget=forms.HiddenInput)


def _why(help_text: Promise) -> NoteField:
    return NoteField(label=gettext_lazy("Why"), max_length=LONGEST_REASON, rows=2, help_text=help_text)


class WhyForm(SeenForm):
    note = _why(gettext_lazy("Stands in the history of the endpoint."))
    field_order = ("seen", "hours", "only_dead", "note", "is_sure")


class DisableForm(WhyForm):
    note = _why(gettext_lazy("Its owner reads it, and it stands in the history of the endpoint."))


class ReplayForm(WhyForm):
    hours = forms.IntegerField(
        label=gettext_lazy("Hours"),
        min_value=1,
        max_value=MOST_HOURS,
        initial=24,
        help_text=gettext_lazy("How far back. Events are kept for 30 days."),
    )
    only_dead = forms.BooleanField(label=gettext_lazy("Only what was never delivered"), required=False, initial=True)


class RetireForm(WhyForm):
    is_sure = forms.BooleanField(label=gettext_lazy("I know that it cannot be undone"))


Said = Mapping[str, Any]


def _ping(endpoint: WebhookEndpoint, said: Said, actor: Actor) -> None:
    endpoints.ping_endpoint(key=endpoint.key, owner=STAFF, actor=actor)


def _move(to: EndpointState) -> Callable[[WebhookEndpoint, Said, Actor], None]:
    def move(endpoint: WebhookEndpoint, said: Said, actor: Actor) -> None:
        wish = Wish(state=to, seen=[said["seen"]], why=said["note"])
        endpoints.change_endpoint(
            key=endpoint.key, wish=wish, owner=STAFF, actor=actor, webhooks=wiring.webhooks(), seal=wiring.seal()
        )

    return move


def _disable(endpoint: WebhookEndpoint, said: Said, actor: Actor) -> None:
    endpoints.disable_endpoint(key=endpoint.key, why=said["note"], actor=actor, seen=[said["seen"]])


def _replay(endpoint: WebhookEndpoint, said: Said, actor: Actor) -> None:
    again.ask_for_replay(
        key=endpoint.key,
        since=database_time() - timedelta(hours=said["hours"]),
        until=None,
        only_dead=said["only_dead"],
        owner=STAFF,
        actor=actor,
        why=said["note"],
    )


def _retire(endpoint: WebhookEndpoint, said: Said, actor: Actor) -> None:
    endpoints.retire_endpoint(key=endpoint.key, owner=STAFF, actor=actor, seen=[said["seen"]], why=said["note"])


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: in which states of an endpoint, by which form, what will happen, and what has happened."""

    verb: str | Promise
    states: Collection[EndpointState]
    form: type[SeenForm]
    happens: str | Promise
    done: str | Promise
    carry_out: Callable[[WebhookEndpoint, Said, Actor], None]
    is_grave: bool = False


NOT_RETIRED = (*WRITTEN_DOWN_FOR, EndpointState.DISABLED)

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "ping": Action(
            gettext_lazy("Send a ping"),
            SENT_TO,
            SeenForm,
            gettext_lazy("A ping is sent within seconds: it says nothing but that it is one."),
            gettext_lazy("A ping is on its way."),
            _ping,
        ),
        "replay": Action(
            gettext_lazy("Replay"),
            NOT_RETIRED,
            ReplayForm,
            gettext_lazy(
                "What happened in these hours is sent once more, with the same ids: who has kept them sees that it "
                "comes again. What was not written down while the endpoint was disabled comes, too."
            ),
            gettext_lazy("The worker goes through these hours, and sends what happened in them."),
            _replay,
        ),
        "pause": Action(
            gettext_lazy("Pause"),
            SENT_TO,
            WhyForm,
            gettext_lazy(
                "Nothing is sent there until it is enabled. What happens meanwhile waits, each for 72 hours; "
                "what has waited for longer is dead."
            ),
            gettext_lazy("It is paused."),
            _move(EndpointState.PAUSED),
        ),
        "enable": Action(
            gettext_lazy("Enable"),
            (EndpointState.NEW, EndpointState.PAUSED, EndpointState.DISABLED),
            WhyForm,
            gettext_lazy(
                "What waits is sent within seconds. What happened while it was disabled was not written down: "
                "a replay sends that."
            ),
            gettext_lazy("It is enabled."),
            _move(EndpointState.ACTIVE),
        ),
        "disable": Action(
            gettext_lazy("Disable"),
            WRITTEN_DOWN_FOR,
            DisableForm,
            gettext_lazy(
                "Nothing is sent there, and what happens is not written down for it, until it is enabled. "
                "A replay can send it later, for 30 days."
            ),
            gettext_lazy("It is disabled."),
            _disable,
            is_grave=True,
        ),
        "retire": Action(
            gettext_lazy("Retire"),
            NOT_RETIRED,
            RetireForm,
            gettext_lazy(
                "Nothing is sent there any more, for good, and its secrets are deleted. Its owner must make a new "
                "endpoint to be told again."
            ),
            gettext_lazy("It is retired."),
            _retire,
            is_grave=True,
        ),
    }
)
"""By the word in the address."""

REFUSED: Mapping[type[errors.BookingError], str | Promise] = MappingProxyType(
    {
        errors.EndpointNotFound: gettext_lazy("It has been retired."),
        errors.EndpointChanged: gettext_lazy("The endpoint has changed since this page was shown."),
        errors.ReplayUnderWay: gettext_lazy("A replay is running. Wait until it is done."),
    }
)


def actions_for(endpoint: WebhookEndpoint) -> list[tuple[str, Action]]:
    """What can be done to an endpoint as it is, by the words of addresses."""
    return [(word, action) for word, action in ACTIONS.items() if endpoint.state in action.states]


class EndpointActions(AnyModelAdmin):
    """The pages, for the admin of endpoints."""

    def get_urls(self) -> list[URLPattern]:
        pattern = rf"^(?P<endpoint_id>[0-9]+)/(?P<word>{'|'.join(ACTIONS)})/$"
        view = self.admin_site.admin_view(self.act_view)
        return [re_path(pattern, view, name="bookings_webhookendpoint_act"), *super().get_urls()]

    def act_view(self, request: HttpRequest, endpoint_id: str, word: str) -> HttpResponse:
        """Say what an action will do, and carry it out when it is sent."""
        require(request, RIGHT)
        endpoint, action = found(endpoint_id), ACTIONS[word]
        form = action.form(request.POST if request.method == "POST" else None, initial={"seen": endpoint.version})
        form.initial.update(unsent.typed(request, form))
        refused: str | Promise = ""
        status: int = HTTPStatus.OK
        if form.is_valid():
            try:
                action.carry_out(endpoint, form.cleaned_data, staff_of(request))
            except errors.BookingError as error:
                refused, status = REFUSED.get(type(error), error.explanation), STATUS[type(error)]
                endpoint.refresh_from_db()
                form = action.form(initial={**form.cleaned_data, "seen": endpoint.version})
            else:
                messages.success(request, str(action.done))
                return HttpResponseRedirect(reverse("admin:bookings_webhookendpoint_change", args=[endpoint.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("%(verb)s: webhook endpoint %(number)s") % {"verb": action.verb, "number": endpoint.pk},
            "endpoint": endpoint,
            "action": action,
            "can_be_done": endpoint.state in action.states,
            "form": form,
            "refused": refused,
        }
        return TemplateResponse(request, "admin/bookings/webhookendpoint/act.html", context, status=status)


def found(number: str) -> WebhookEndpoint:
    """
    Read an endpoint.

    :raises Http404: if there is none
    """
    endpoint_id = id_in(number)
    endpoint = None if endpoint_id is None else WebhookEndpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Http404
    return endpoint
