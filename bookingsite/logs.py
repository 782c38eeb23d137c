"""
One line per event: text on a developer's console, JSON everywhere else.

A line has the fields that are listed here and no other, so that nothing a client sent gets into a log by
accident: no token, no key, no body, no address.
"""

import logging.config
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from bookings.observability import tracing

Line = MutableMapping[str, Any]

# The frame of a line: when, where, how bad, in which request and trace, and for which caller (its kind, and the id
# of a service).
FRAME = {"event", "level", "logger", "timestamp", "request_id", "trace_id", "caller", "exception"}

# The fields of an event. A client chooses none of their values, except ids that are integers.
FIELDS = {
    *("method", "route", "status", "ms"),
    *("booking", "flight", "seats", "to", "what", "actor", "reason", "outcome", "advice"),
    *("transaction", "error", "tries", "item", "pid", "seconds"),
    *("key_id", "scopes", "by", "right"),
}

# Their messages are written in this project and quote no value. Others may quote one: a database does.
PLAIN_SPOKEN = (AssertionError, ImproperlyConfigured)


# What may replace an argument: numbers, and HTTP's phrases for a status.
PHRASES = {status.phrase for status in HTTPStatus}
PLACE = re.compile(r"%(\([^)]*\))?[-#0 +]*[0-9*]*(\.[0-9*]+)?[a-zA-Z]")
HIDDEN = "…"


def _without_arguments(_logger: Any, _method: str, line: Line) -> Line:
    """
    Keep of the lines of Django, its queue and OpenTelemetry what happened, without what clients sent.

    Django's arguments are paths, hosts and headers; OpenTelemetry's are what a collector answers; the queue writes a
    task's whole traceback. A path is replaced by its route, any other text by a mark.
    """
    record, arguments = line["_record"], line.pop("positional_args", None)
    if record.name.split(".")[0] in ("django", "opentelemetry"):
        line["event"] = _said(record, arguments)
    elif record.name == "django-q":
        line["event"] = line["event"].partition(" - ")[0]
    return line


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
    return match.route if match is not None and is_path else HIDDEN


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


def _with_trace(_logger: Any, _method: str, line: Line) -> Line:
    """Say which trace the line belongs to: hexadecimal digits, as they were checked or made here."""
    trace = tracing.current()
    if trace is not None:
        line["trace_id"] = trace.trace_id
    return line


def _only_listed(_logger: Any, _method: str, line: Line) -> Line:
    return {name: value for name, value in line.items() if name in FRAME or name in FIELDS}


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
        if name == "exception":
            line[name] = "\n".join(map(printable, str(value).split("\n")))
        elif isinstance(value, str):
            line[name] = printable(value)
    return line


# Runs for every line, of this service and of its libraries; it adds the request id.
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    _with_trace,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(log_format: str, *, level: str) -> dict[str, Any]:
    """
    Set up logging for this process, to standard error.

    :returns: the standard library's configuration, as it was applied
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer()
    if log_format != "json":
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_SHARED, _without_arguments],
                "pass_foreign_args": True,  # no secret: it hands on the arguments of a record  # nosec B105
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _plain_exception,
                    _only_listed,
                    _one_line,
                    renderer,
                ],
            }
        },
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
        },
    }
    logging.config.dictConfig(config)
    return config
