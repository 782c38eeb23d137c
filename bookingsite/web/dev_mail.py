"""The mails and SMS that a development machine has not sent: in the place of that they are files, shown here."""

import email
from email.policy import default
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

# The newest.
SHOWN = 50


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the newest mails and SMS as plain text. The whole of each mail is its file, which mail programs open."""
    written = [each for each in Path(settings.MAIL_FOLDER).glob("*") if each.suffix in (".eml", ".sms")]
    files = sorted(written, key=lambda file: file.stat().st_mtime, reverse=True)
    mails = [_sms(file) if file.suffix == ".sms" else _mail(file) for file in files[:SHOWN]]
    return render(request, "dev_mail.html", {"mails": mails, "folder": settings.MAIL_FOLDER})


def _sms(file: Path) -> dict[str, object]:
    to, _, text = file.read_text().partition("\n")
    return {"file": file.name, "to": to, "subject": "SMS", "text": text}


def _mail(file: Path) -> dict[str, object]:
    mail = email.message_from_bytes(file.read_bytes(), policy=default)
    parts = {part.get_content_type(): part for part in mail.walk()}
    text, calendar = (parts.get(kind) for kind in ("text/plain", "text/calendar"))
    return {
        "file": file.name,
        "to": mail["To"],
        "subject": str(mail["Subject"]).strip(),
        "text": text.get_content() if text else "",
        "calendar": calendar.get_content() if calendar else "",
    }
