"""Reads parameters strictly: an unknown name, a wrong type or a value out of range is refused in Stripe's words."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from paysim.errors import invalid, not_built
from paysim.forms import Form

Reader = Callable[[str, "str | Form"], Any]

_INTEGER = re.compile(r"-?[0-9]{1,18}")

MAX_METADATA_KEYS = 50
MAX_METADATA_NAME = 40
MAX_METADATA_VALUE = 500
MAX_TEXT = 5000


def read(
    form: Form, readers: Mapping[str, Reader], *, required: Collection[str] = (), inside: str = ""
) -> dict[str, Any]:
    """
    Read a form by the readers of its names; what is not sent is not in the result.

    :raises Refused: if a name is unknown or missing, or its reader refuses the value
    """
    unknown = [_full(inside, name) for name in form if name not in readers]
    if unknown:
        many = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{many}: {', '.join(unknown)}"
        raise invalid(message, param=unknown[0], code="parameter_unknown")
    for name in required:
        if name not in form:
            full = _full(inside, name)
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
        if form[name] == "":
            raise _empty(_full(inside, name))
    # An empty text takes an optional value back, so it is as good as none.
    return {name: readers[name](_full(inside, name), value) for name, value in form.items() if value != ""}


def _full(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _empty(name: str) -> Exception:
    return invalid(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
        param=name,
        code="parameter_invalid_empty",
    )


def text(name: str, value: "str | Form") -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    if len(value) > MAX_TEXT:
        raise invalid(f"Invalid string: {name} may have {MAX_TEXT} characters", param=name)
    return value


def integer(name: str, value: "str | Form") -> int:
    """Read a whole number."""
    if not isinstance(value, str) or _INTEGER.fullmatch(value) is None:
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def boolean(name: str, value: "str | Form") -> bool:
    """Read true or false."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return value == "true"


def one_of(*choices: str) -> Reader:
    """Make the reader of one word out of a few."""

    def reader(name: str, value: "str | Form") -> str:
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return str(value)

    return reader


def texts(name: str, value: "str | Form") -> list[str]:
    """Read a list of texts."""
    if isinstance(value, str) or not all(part.isdecimal() for part in value):
        raise invalid("Invalid array", param=name)
    return [text(f"{name}[{place}]", value[place]) for place in sorted(value, key=int)]


def shape(readers: Mapping[str, Reader], *, required: Collection[str] = ()) -> Reader:
    """Make the reader of a group of names."""

    def reader(name: str, value: "str | Form") -> dict[str, Any]:
        if isinstance(value, str):
            raise invalid("Invalid object", param=name)
        return read(value, readers, required=required, inside=name)

    return reader


def metadata(name: str, value: "str | Form") -> dict[str, str]:
    """Read the caller's own words about an object."""
    if isinstance(value, str):
        raise invalid("Invalid object", param=name)
    if len(value) > MAX_METADATA_KEYS:
        raise invalid(f"Metadata can have up to {MAX_METADATA_KEYS} keys", param=name)
    for word, content in value.items():
        if len(word) > MAX_METADATA_NAME:
            raise invalid(f"Metadata keys can be up to {MAX_METADATA_NAME} characters: {word}", param=name)
        if not isinstance(content, str) or len(content) > MAX_METADATA_VALUE:
            raise invalid(f"Metadata values can be up to {MAX_METADATA_VALUE} characters: {word}", param=name)
    return {word: str(content) for word, content in value.items() if content != ""}


def unbuilt(name: str, _value: "str | Form") -> None:
    """Refuse what Stripe knows and this stand-in does not."""
    raise not_built(name)


class Span(NamedTuple):
    """From which moment to which, both included, in seconds."""

    first: int | None
    last: int | None


def span(name: str, value: "str | Form") -> Span:
    """Read a moment, or the limits of a span of time."""
    if isinstance(value, str):
        moment = integer(name, value)
        return Span(moment, moment)
    limits = read(value, dict.fromkeys(("gt", "gte", "lt", "lte"), integer), inside=name)
    first = [*(limits[word] for word in ("gte",) if word in limits), *(limits[w] + 1 for w in ("gt",) if w in limits)]
    last = [*(limits[word] for word in ("lte",) if word in limits), *(limits[w] - 1 for w in ("lt",) if w in limits)]
    return Span(max(first, default=None), min(last, default=None))
