"""A line of the log is one line, says what it says with its values filled in, and is said once."""

import io
import json
import logging
import re
from contextlib import contextmanager
from decimal import Decimal

import pytest
import structlog
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from bookingsite.logs import RENDERERS, WRITING, Lines, printable

pytestmark = pytest.mark.django_db

HOSTILE = {
    "newline": "a\n2026-01-01T00:00:00Z [error    ] all.is_lost",
    "return": "a\rb",
    "both": "a\r\nb",
    "escape": "a\x1b[2J\x1b[31mred",
    "of C1": "a\x9b31mb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "vertical tab and form feed": "a\x0bb\x0cc",
    "separators of records": "a\x1cb\x1dc\x1ed",
    "backspace": "a\b\b\bb",
    "bell and nothing": "a\x07\x00b",
    "turned round": "a\u202egnp.exe\u202c",
    "isolates": "a\u2066b\u2069",
    "marks": "a\u200eb\u200fc\u061cd",
    "of no width": "a\u200bb\ufeffc",
    "half a pair": "a\ud800b",
}


class Printed(io.StringIO):
    """What is logged, one text for each line of the file."""

    def lines(self):
        return [line for line in self.getvalue().split("\n") if line]


def listening(settings, renderer):
    handler = logging.StreamHandler(Printed())
    handler.setFormatter(settings.LOGGING["formatters"]["line"]["()"](renderer))
    return handler


@pytest.fixture(params=["json", "console"])
def printed(request, settings):
    """What is logged here, as each of the two formats prints it."""
    handler = listening(settings, RENDERERS[request.param])
    loggers = [logging.getLogger(), logging.getLogger("django-q")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler.stream
    for logger in loggers:
        logger.removeHandler(handler)


@contextmanager
def kept_from_the_report():
    """Half a pair of a character cannot go to the process that prints what pytest keeps of the log."""
    before = {logger: logger.handlers for logger in (logging.getLogger(), logging.getLogger("django-q"))}
    for logger, handlers in before.items():
        logger.handlers = [each for each in handlers if not type(each).__module__.startswith("_pytest")]
    try:
        yield
    finally:
        for logger, handlers in before.items():
            logger.handlers = handlers


def say(text):
    """Each way in which a text comes to the log; gives how many lines that makes."""
    own = structlog.get_logger("bookings.office")
    own.error(text)
    own.error("backoffice.forbidden", by=text, right=text, reason=text)
    own.error("it.failed", exc_info=AssertionError(text))
    for name in ("granian", "django_q", "asyncio", "some.library"):
        logging.getLogger(name).error("it is %s", text)
        logging.getLogger(name).error(text.replace("%", ""))
    logging.getLogger("django-q").error("%s", text)
    logging.getLogger("django.security.SuspiciousOperation").error(text, exc_info=ValueError(text))
    logging.getLogger("django.security.csrf").error("Forbidden (%s): %s", text, text)
    logging.getLogger("django.request").error("%s: %s", text, text, exc_info=ValueError(text))
    return 3 + 2 * 4 + 4


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_is_logged_begins_a_line_or_speaks_to_the_terminal(printed, text):
    with kept_from_the_report():
        count = say(text)

    assert printed.getvalue().replace("\n", "").isprintable()
    # Of each of the three exceptions its class is a line of its own on the console.
    assert len(printed.lines()) in (count, count + 3)
    assert not any(line.startswith("2026-01-01T00:00:00Z") for line in printed.lines())


def test_a_text_that_is_printable_stays_as_it_is():
    assert printable("Łucja (flight 7): “ok” 🐟 \\n") == "Łucja (flight 7): “ok” 🐟 \\n"


def test_a_line_of_json_that_is_read_speaks_to_no_terminal_either(settings):
    handler = listening(settings, structlog.processors.JSONRenderer())
    logging.getLogger().addHandler(handler)
    try:
        with kept_from_the_report():
            for text in HOSTILE.values():
                structlog.get_logger("bookings").error("x", by=text)
    finally:
        logging.getLogger().removeHandler(handler)

    assert all(json.loads(line)["by"].isprintable() for line in handler.stream.lines())


def test_it_would_not_hold_without_the_step_that_does_it():
    """The twin: the same line through the same formatter, with that one step left out."""
    rest = [step for step in WRITING if step.__name__ != "_one_line"]
    formatter = Lines(structlog.dev.ConsoleRenderer(colors=False), writing=rest)
    record = logging.LogRecord("granian", logging.ERROR, "", 1, "it is %s", (HOSTILE["newline"],), None)

    assert len(rest) == len(WRITING) - 1
    assert formatter.format(record).split("\n")[1].startswith("2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("message", "arguments", "said"),
    [
        ("%s: %s", ("Service Unavailable", "/admin/7/"), "Service Unavailable: …"),
        ("Forbidden (%s): %s", ("Referer checking failed", "/x"), "Forbidden (…): …"),
        ("took %d of %s and %.1f", (3, 4, 1.5), "took 3 of 4 and 1.5"),
        ("%(host)s said %(status)d", ({"host": "example.org", "status": 400},), "… said 400"),
        ("wants a number: %d", (Decimal(2),), "wants a number: …"),
        ("100%", (), "100%"),
        ("nothing to fill in", (), "nothing to fill in"),
    ],
)
def test_a_line_of_django_has_its_values_filled_in_or_hidden(printed, message, arguments, said):
    logging.getLogger("django.template").error(message, *arguments)

    text = printed.getvalue()
    assert said in text or json.loads(text)["event"] == said
    assert "%s" not in text
    assert "%d" not in text


def test_a_line_of_another_library_has_its_values_filled_in(printed):
    logging.getLogger("granian").error("%s of %d", "worker", 2)

    assert "worker of 2" in printed.getvalue()


def test_what_django_says_of_an_address_is_not_said_in_its_words(printed):
    error = ValueError("Filtering by secret_hash__startswith not allowed")
    extra = {"status_code": 400}
    logging.getLogger("django.security.DisallowedModelAdminLookup").error(str(error), exc_info=error, extra=extra)

    assert "secret_hash" not in printed.getvalue()
    assert "Bad Request" in printed.getvalue()


def away(request):
    return HttpResponse(status=503)


def broken(request, name):
    raise LookupError(name)


urlpatterns = [path("away/<str:name>/", lambda request, name: away(request)), path("broken/<str:name>/", broken)]


@pytest.fixture
def browser(settings):
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("printed", ["json"], indirect=True)
def test_an_answer_of_5xx_has_one_line(browser, printed):
    assert browser.get("/away/canary/?q=canary").status_code == 503

    (line,) = map(json.loads, printed.lines())
    assert (line["event"], line["status"], line["route"]) == ("request.answered", 503, "/away/{name}/")
    assert "canary" not in printed.getvalue()


@pytest.mark.parametrize("printed", ["console"], indirect=True)
def test_a_console_says_in_words_what_a_request_was_and_how_it_ended(browser, printed):
    browser.get("/away/canary/", headers={"X-Request-ID": "req-7"})

    (line,) = printed.lines()
    assert re.fullmatch(
        r"\S+Z \[info     \] GET /away/\{name\}/ 503 \d+ ms +request_id=req-7 trace_id=[0-9a-f]{32}", line.strip()
    ), line


@pytest.mark.parametrize("printed", ["json"], indirect=True)
def test_an_exception_has_its_line_and_names_the_route(browser, printed):
    assert browser.get("/broken/canary/?q=canary").status_code == 500

    said, answered = map(json.loads, printed.lines())
    assert said["event"] == "Internal Server Error: /broken/{name}/"
    assert said["exception"].endswith("builtins.LookupError")
    assert said["request_id"] == answered["request_id"]
    assert "canary" not in printed.getvalue()
