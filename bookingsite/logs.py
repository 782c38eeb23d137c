"""
One line per event: text on a developer's console, JSON everywhere else.

A line has the fields that are listed here and no other, so that nothing a client sent gets into a log by
accident: no token, no key, no body, no address.
"""

import logging.config
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

Line = MutableMapping[str, Any]

# What a line is: when, where, how bad, in which request, and of whom (the kind of caller, and a service's id).
FRAME = {"event", "level", "logger", "timestamp", "request_id", "caller", "exception"}

# What an event may say. None of it is chosen by a client, save ids that are integers.
FIELDS = {
    *("method", "route", "status", "ms"),
    *("booking", "flight", "seats", "to", "what", "actor", "reason", "outcome"),
    *("transaction", "error", "tries_left", "item", "pid"),
    *("key_id", "scopes", "by", "right"),
}

# Their messages are written here and hold nothing from outside. Others may quote a value: a database does.
PLAIN_SPOKEN = (AssertionError, ImproperlyConfigured)


def _without_arguments(_logger: Any, _method: str, line: Line) -> Line:
    """
    Let the lines of Django and its queue say what happened, not to whom.

    The arguments of the one are paths, hosts and headers; the other writes a task's whole traceback.
    """
    record = line["_record"]
    if record.name.split(".")[0] == "django":
        line["event"] = str(record.msg)
    elif record.name == "django-q":
        line["event"] = str(record.msg).partition(" - ")[0]
    return line


def _is_no_probe(record: logging.LogRecord) -> bool:
    path: str = getattr(getattr(record, "request", None), "path_info", "")
    return record.exc_info is not None or not path.startswith("/health/")


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
        return f"{name}: {error}"
    # The database's own number, as in its manual.
    number = error.args[0] if error.args else None
    return f"{name} {number}" if isinstance(number, int) else name


def _only_listed(_logger: Any, _method: str, line: Line) -> Line:
    return {name: value for name, value in line.items() if name in FRAME or name in FIELDS}


# Runs for every line of this service and of the libraries alike; the request id comes from here.
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
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
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _plain_exception,
                    _only_listed,
                    renderer,
                ],
            }
        },
        "filters": {"no_probes": {"()": lambda: _is_no_probe}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Three lines a task: 26,000 a day from the sweep alone.
            "django-q": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
            # An answer of 4xx is a client's business, and has its line from the middleware. A health check that
            # is told no is not an error: it is asked every second, and whoever asks knows what to do.
            "django.request": {"level": "ERROR", "filters": ["no_probes"]},
            # A host that is not ours is somebody's scan.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # SQL has what clients sent in it.
            "django.db.backends": {"level": "INFO"},
            "urllib3": {"level": "ERROR"},
        },
    }
    logging.config.dictConfig(config)
    return config
