"""The mails that a development machine has not sent: EMAIL_URL=folder: writes them, and this page shows them."""

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
    """Show the newest mails as plain text. The whole of each is its file, which mail programs open."""
    files = sorted(Path(settings.MAIL_FOLDER).glob("*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)
    mails = [_shown(file) for file in files[:SHOWN]]
    return render(request, "dev_mail.html", {"mails": mails, "folder": settings.MAIL_FOLDER})


def _shown(file: Path) -> dict[str, object]:
    mail = email.message_from_bytes(file.read_bytes(), policy=default)
    parts = {part.get_content_type(): part for part in mail.walk()}
    text, calendar = (parts.get(kind) for kind in ("text/plain", "text/calendar"))
    return {
        "file": file.name,
        "to": mail["To"],
        "subject": mail["Subject"],
        "text": text.get_content() if text else "",
        "calendar": calendar.get_content() if calendar else "",
    }
