"""How a report is told to the owner of a webhook endpoint, or to operators: subject, text and HTML, in English."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.template.loader import render_to_string

from bookings.models import Report
from bookings.text.legible import shown_orderly


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """What is sent."""

    subject: str
    text: str
    html: str


def report_written(report: Report) -> WrittenReport:
    """Write a report about its endpoint as it is now. The first line of its template is the subject."""
    told = {
        "endpoint": report.endpoint,
        "url": " ".join(shown_orderly(report.endpoint.url).split()) if report.endpoint else "",
        "why": " ".join(shown_orderly(report.endpoint.disabled_why).split()) if report.endpoint else "",
        "since": _written(report.since),
        "until": _written(report.until),
        "counts": report.counts,
    }
    subject, _, text = render_to_string(f"reports/{report.kind}.txt", told).partition("\n")
    html = render_to_string("reports/report.html", {"subject": subject, "text": text.strip()})
    return WrittenReport(" ".join(subject.split()), f"{text.strip()}\n", html)


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
