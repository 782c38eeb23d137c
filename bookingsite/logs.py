"""One line per event: coloured text on a developer's console, JSON everywhere else."""

import logging.config
from typing import Any

import structlog

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
    renderers: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        renderers += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain: the handsome kind prints local variables, and so what clients sent.
        renderers += [
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        ]
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": renderers,
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Three lines a task: 26,000 a day from the sweep alone.
            "django-q": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
            # An answer of 4xx is a client's business, and has its line from the middleware.
            "django.request": {"level": "ERROR"},
            # A host that is not ours is somebody's scan.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "urllib3": {"level": "ERROR"},
        },
    }
    logging.config.dictConfig(config)
    return config
