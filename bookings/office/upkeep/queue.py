"""
The pages of django-q2, in plain words, and for reading.

Nothing of a queue is edited by hand: what the worker has to do stands in the tables of bookings, and the queue
only wakes it. A superuser may pause a schedule.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.office import unsent
from bookings.office.base import RecordAdmin, column, require, staff_of
from bookings.office.notes import NoteField
from bookings.office.tags import moment
from bookings.services.upkeep.pause_schedules import NEVER, pause_schedule
from bookings.wake import PASSES_TASK, TELLING_TASK

# Held by no group: superusers have it, as they have every right.
RIGHT = "django_q.change_schedule"

WORK: Mapping[str, str | Promise] = MappingProxyType(
    {
        PASSES_TASK: gettext_lazy("Expire, give seats back, ask again, settle payments, refund"),
        "bookings.tasks.reap": gettext_lazy("Delete old idempotency records, counts, sessions and task results"),
        "bookings.tasks.reconcile": gettext_lazy("Compare seats with the Flight Service"),
        "bookings.tasks.reconcile_payments": gettext_lazy("Compare payments with the payment gateways"),
        TELLING_TASK: gettext_lazy("Announce what has happened to bookings"),
        "bookings.tasks.deliver": gettext_lazy("Send webhooks"),
        "bookings.tasks.send_messages": gettext_lazy("Send mails and SMS to travelers, and reports"),
        "bookings.tasks.write_reports": gettext_lazy("Write reports to owners of endpoints and operators"),
        "bookings.tasks.look_for_missed_news": gettext_lazy("Look for what was never announced"),
    }
)

REST: Mapping[str, str | Promise] = MappingProxyType(
    {
        PASSES_TASK: gettext_lazy(
            "While it is paused no booking expires by itself, no seats and no money go back, and unknown outcomes "
            "stay unknown. Only a cancellation still wakes the worker, once."
        ),
    }
)


@admin.display(description=gettext_lazy("What it does"))
def work(row: Any) -> str:
    """What is done, in words; the name of the function where there are none."""
    func = row.func() if callable(row.func) else row.func
    return str(WORK.get(func, func))


@admin.display(description=gettext_lazy("Seconds"))
def seconds(task: Any) -> str:
    """How long it took."""
    return f"{task.time_taken():.1f}"


@admin.display(description=gettext_lazy("Why"))
def why(task: Any) -> str:
    """The message of its error. The traceback is in the log."""
    return Truncator(str(task.result).partition(" : Traceback")[0]).chars(200)


@admin.display(description=gettext_lazy("State"))
def rests(schedule: Any) -> str:
    """Whether the worker begins it."""
    return _("paused") if schedule.repeats == NEVER else _("running")


class QueueAdmin(RecordAdmin):
    """Shows rows of the library's models under a heading of our own."""

    def __init__(self, model: Any, admin_site: AdminSite) -> None:
        model._meta.app_config.verbose_name = gettext_lazy("Background work")
        super().__init__(model, admin_site)

    def title_of(self, record: Any) -> str:
        return work(record)


class TaskAdmin(QueueAdmin):
    """Shows neither arguments nor results: both are pickled."""

    list_display = [work, column("started", gettext_lazy("Started (UTC)"), moment), seconds]
    more = [
        column("stopped", gettext_lazy("Ended (UTC)"), moment),
        column("attempt_count", gettext_lazy("Tries")),
        column("name", gettext_lazy("Name in the log")),
    ]
    ordering = ["-stopped"]


class FailedAdmin(TaskAdmin):
    list_display = [*TaskAdmin.list_display, why]


class WaitingAdmin(QueueAdmin):
    list_display = [work, column("lock", gettext_lazy("Locked at (UTC)"), moment)]
    more = [column("key", gettext_lazy("Queue"))]
    ordering = ["pk"]


class PauseForm(forms.Form):
    note = NoteField(label=gettext_lazy("Why"))


class ScheduleAdmin(QueueAdmin):
    list_display = [
        column("name", gettext_lazy("Name")),
        work,
        rests,
        column("next_run", gettext_lazy("Next time (UTC)"), moment),
        column("cron", gettext_lazy("How often (cron)")),
    ]
    ordering = ["pk"]
    record_template = "admin/bookings/schedule/record.html"

    def title_of(self, record: Any) -> str:
        return str(record.name)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pause_view)
        return [path("<path:object_id>/pause/", view, name="django_q_schedule_pause"), *super().get_urls()]

    def pause_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, RIGHT)
        schedule = self.get_object(request, unquote(object_id))
        if schedule is None:
            raise Http404
        form = PauseForm(request.POST if request.method == "POST" else None)
        form.initial.update(unsent.typed(request, form))
        # What the page offered, so that an old page does not do the opposite.
        paused = request.POST.get("to", "" if schedule.repeats == NEVER else "rest") == "rest"
        if form.is_valid():
            if pause_schedule(schedule_id=schedule.pk, paused=paused, actor=staff_of(request)):
                said = _("Paused. Why: %(note)s") if paused else _("Resumed. Why: %(note)s")
                self.log_change(request, schedule, said % {"note": form.cleaned_data["note"]})
                messages.success(request, _("It is paused.") if paused else _("It is resumed."))
            else:
                messages.warning(request, _("Another member of staff was faster; nothing was changed."))
            return HttpResponseRedirect(reverse("admin:django_q_schedule_change", args=[schedule.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Pause") if paused else _("Resume"),
            "opts": self.opts,
            "schedule": schedule,
            "work": work(schedule),
            "form": form,
            "to": "rest" if paused else "run",
            "rest": REST.get(schedule.func, "") if paused else "",
        }
        return TemplateResponse(request, "admin/bookings/schedule/pause.html", context)
