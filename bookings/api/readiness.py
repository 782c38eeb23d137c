"""
What /health/ready says of the findings in `bookings.diagnostics.health`.

Every client reads one word for each check; the reasons (ages, errors, names) are for operators.
"""

import enum
from collections.abc import Mapping

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from bookings.actor import Scope
from bookings.diagnostics.finding import Finding, Verdict
from bookings.services.access.api_keys import recognize_api_key


class Word(enum.StrEnum):
    """The result of one check. *Degraded* is a fault, and no reason to send requests elsewhere."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


WORDS: Mapping[Verdict, Word] = {Verdict.OK: Word.OK, Verdict.WARN: Word.DEGRADED, Verdict.FAIL: Word.FAILED}

# Without them reading, paying and cancelling go on: so this server must stay in use, even if they fail.
NEVER_WORSE_THAN_DEGRADED = {"flightService"}


def word_of(name: str, finding: Finding) -> Word:
    """Give the word for a finding."""
    if finding.verdict is Verdict.FAIL and name in NEVER_WORSE_THAN_DEGRADED:
        return Word.DEGRADED
    return WORDS[finding.verdict]


def is_operator(request: HttpRequest, *, database: Finding) -> bool:
    """
    Tell whether the client may know why: by a service's key, or logged in with the right to see calls.

    On a developer's machine every client may: error pages say more there. None may while the database is away, and
    it is not asked then; `manage.py doctor` says why.
    """
    if settings.DEBUG:
        return True
    if database.verdict is not Verdict.OK:
        return False
    try:
        if header := request.headers.get("Authorization", ""):
            scheme, _, token = header.partition(" ")
            key = recognize_api_key(token) if scheme.lower() == "bearer" else None
            return key is not None and Scope.OPERATIONS_READ in key.granted
        return request.user.is_staff and request.user.has_perm("bookings.view_seatcall")
    except Error:
        return False
