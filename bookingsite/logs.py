"""
One line per event: text on a developer's console, JSON everywhere else.

A line has the fields that are listed here and no other, so that nothing a client sent gets into a log by
accident: no token, no key, no body, no address.
"""

import json
import logging.config
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

import structlog
from django.core.exceptions import ImproperlyConfigured

from bookings.observability import tracing
from bookings.observability.log_context import said_by_all
from bookingsite.web.routes import route_of

Line = MutableMapping[str, Any]

# The frame of a line: when, where, how bad, in which request and trace, and for which caller (its kind, and the id
# of a service).
FRAME = {"event", "level", "logger", "timestamp", "request_id", "trace_id", "caller", "exception"}

# The fields of an event. A client chooses none of their values, except ids that are integers.
FIELDS = {
    *("method", "route", "status", "ms"),
    *("booking", "bookings", "flight", "seats", "to", "what", "actor", "reason", "outcome", "advice"),
    *("transaction", "error", "tries", "item", "pid", "seconds"),
    *("key_id", "scopes", "by", "right", "gateway", "refund", "state"),
}

LISTED = FRAME | FIELDS

# Their messages are written in this project and quote no value. Others may quote one: a database does.
PLAIN_SPOKEN = (AssertionError, ImproperlyConfigured)


# What may replace an argument: numbers, and HTTP's phrases for a status.
PHRASES = {status.phrase for status in HTTPStatus}
PLACE = re.compile(r"%(\([^)]*\))?[-#0 +]*[0-9*]*(\.[0-9*]+)?[a-zA-Z]")
HIDDEN = "…"


def _event_of(record: logging.LogRecord) -> str:
    """
    Keep of the lines of Django, its queue and OpenTelemetry what happened, without what clients sent.

    Django's arguments are paths, hosts and headers; OpenTelemetry's are what a collector answers; the queue writes a
    task's whole traceback. A path is replaced by its route, any other text by a mark.
    """
    if record.name.split(".")[0] in ("django", "opentelemetry"):
        return _said(record, record.args)
    said = record.getMessage()
    return said.partition(" - ")[0] if record.name == "django-q" else said


def _said(record: logging.LogRecord, arguments: Any) -> str:
    text, error = str(record.msg), record.exc_info[1] if record.exc_info else None
    if error is not None and text == str(error):  # its text quotes the request, so its class is shown
        status = getattr(record, "status_code", None)
        return HTTPStatus(status).phrase if status in set(HTTPStatus) else type(error).__name__
    request = getattr(record, "request", None)
    try:
        if isinstance(arguments, Mapping):
            return text % {name: _harmless(value, request) for name, value in arguments.items()}
        if arguments:
            return text % tuple(_harmless(value, request) for value in arguments)
    except (TypeError, ValueError, KeyError):
        pass  # the format wants a number, and the text is hidden
    return PLACE.sub(HIDDEN, text)


def _harmless(value: Any, request: Any) -> Any:
    if isinstance(value, int | float) or value is None or value in PHRASES:
        return value
    match = getattr(request, "resolver_match", None)
    is_path = match is not None and value == request.path.encode("unicode_escape").decode("ascii")  # as Django does
    return route_of(match) if match is not None and is_path else HIDDEN


def _has_more_to_say(record: logging.LogRecord) -> bool:
    """Whether Django's line about a 5xx has an exception; without one the middleware's line says enough."""
    return bool(record.exc_info)


def _plain_exception(_logger: Any, _method: str, line: Line) -> Line:
    """Show an exception as classes and places in the code, without values."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["exception"] = "\n".join(_described(error))
    return line


def _described(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _described(cause)
        yield "which led to"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    yield _named(error)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _described(part)


def _named(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, PLAIN_SPOKEN):
        return f"{name}: {printable(str(error))}"
    # The database's error number, as in its manual.
    number = error.args[0] if error.args else None
    return f"{name} {number}" if isinstance(number, int) else name


def _only_listed(_logger: Any, _method: str, line: Line) -> Line:
    return {name: value for name, value in line.items() if name in LISTED}


def printable(text: str) -> str:
    """
    Escape what does not print: ends of lines, escapes of terminals, controls that reverse text or hide it.

    With one of these, a client that chooses a part of a line could write a second line, or cover the first.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _one_line(_logger: Any, _method: str, line: Line) -> Line:
    """Keep every text on its line. An exception has lines of its own, which were made here; each is one."""
    for name, value in line.items():
        if isinstance(value, str) and not value.isprintable():
            is_many = name == "exception"
            line[name] = "\n".join(map(printable, value.split("\n"))) if is_many else printable(value)
    return line


def _frame(logger: Any, method: str, line: Line) -> Line:
    """
    Say of a line when, where, how bad, in which request and trace. Runs for every line, of the libraries too.

    `logger` has a name. One step, as structlog's five took longer than the rest of a line.
    """
    for name, value in said_by_all().items():
        line.setdefault(name, value)
    trace = tracing.current()
    if trace is not None:
        line["trace_id"] = trace.trace_id
    line["level"] = LEVELS.get(method, method)
    line["logger"] = logger.name
    line["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return line


# What structlog, and older code of libraries, call by another name.
LEVELS = {"exception": "error", "warn": "warning"}

# Runs when a line is written, so that nothing that was logged by whichever way gets around it.
WRITING: Sequence[Any] = (_plain_exception, _only_listed, _one_line)


# Made once: the library would make one for each line.
_ENCODER = json.JSONEncoder(default=repr)
_CONSOLE = structlog.dev.ConsoleRenderer(colors=False)


def _for_people(logger: Any, method: str, line: Line) -> str:
    """Make a line for a console; of a request it says what it was and how it ended: `GET /api/v1/info 200 3 ms`."""
    if line["event"] == "request.answered":
        ending = "{method} {route} {status} {ms:.0f} ms".format(**line)
        line = {name: value for name, value in line.items() if name not in IN_WORDS} | {"event": ending}
    return _CONSOLE(logger, method, line)


IN_WORDS = {"method", "route", "status", "ms", "logger"}

RENDERERS: Mapping[str, Callable[..., str]] = {
    "json": lambda _logger, _method, line: _ENCODER.encode(line),
    "console": _for_people,
}

# What handlers of others look for in a record, without a place.
NOWHERE: Mapping[str, Any] = {
    **vars(logging.LogRecord("", 0, "", 0, "", (), None)),
    **dict.fromkeys(("thread", "threadName", "process", "processName", "taskName")),
}


class OwnRecord(logging.LogRecord):
    """
    A line of this service, for the handlers of the standard library.

    The library looks up the place in the code, the thread and the process of each of its own records; no line shows
    them, and it took half of the time that a line took.
    """

    def __init__(self, name: str, level: int, line: Line) -> None:
        self.__dict__ = {
            **NOWHERE,
            "name": name,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": line,
        }
        self.created = time.time()


def _at(level: int) -> Callable[["_Handlers", Line], None]:
    return lambda self, line: self.logger.handle(OwnRecord(self.name, level, line))


class _Handlers:
    """What structlog hands the lines of one logger to."""

    debug, info, warning = _at(logging.DEBUG), _at(logging.INFO), _at(logging.WARNING)
    error = exception = _at(logging.ERROR)
    critical = _at(logging.CRITICAL)

    def __init__(self, name: str) -> None:
        self.name, self.logger = name, logging.getLogger(name)


def _handed_on(_logger: Any, _method: str, line: Line) -> tuple[tuple[Line], dict[str, Any]]:
    return (line,), {}


class Lines(logging.Formatter):
    """Makes a line of a record, this service's or a library's."""

    def __init__(self, renderer: Callable[..., str], writing: Sequence[Any] = WRITING) -> None:
        super().__init__()
        self._renderer, self._writing = renderer, writing

    def format(self, record: logging.LogRecord) -> str:
        line: Line = {**cast("Line", record.msg)} if isinstance(record, OwnRecord) else _framed(record)
        for step in self._writing:
            line = step(None, record.levelname, line)
        return self._renderer(None, record.levelname, line)


def _framed(record: logging.LogRecord) -> Line:
    return _frame(record, record.levelname.lower(), {"event": _event_of(record), "exc_info": record.exc_info})


def configure(log_format: str, *, level: str) -> dict[str, Any]:
    """
    Set up logging for this process, to standard error.

    :returns: the standard library's configuration, as it was applied
    """
    # With this Stripe's library writes bodies to standard error by itself.
    os.environ.pop("STRIPE_LOG", None)
    structlog.configure(
        processors=[_frame, _handed_on],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Handlers,
        cache_logger_on_first_use=True,
    )
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Lines, "renderer": RENDERERS[log_format]}},
        "filters": {"more_to_say": {"()": lambda: _has_more_to_say}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Three lines a task: 26,000 a day from the pass alone.
            "django-q": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
            # The middleware logs each response. Django adds a line only for an exception.
            "django.request": {"level": "ERROR", "filters": ["more_to_say"]},
            "django.server": {"level": "ERROR", "filters": ["more_to_say"]},
            # A request for a foreign host is a scan.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # SQL has what clients sent in it.
            "django.db.backends": {"level": "INFO"},
            "urllib3": {"level": "ERROR"},
            # Its finer lines have what was sent to Stripe, and what came back, with the secrets of payers.
            "stripe": {"level": "WARNING"},
        },
    }
    logging.config.dictConfig(config)
    return config
