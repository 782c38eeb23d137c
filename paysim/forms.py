"""Form-encoded bodies and queries with nested names, as `metadata[key]=x` and `expand[]=y`."""

import re
from urllib.parse import parse_qsl

from paysim.errors import invalid

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")

# What a name leads to: a text, or further names. A list has the numbers of its places as names.
Form = dict[str, "str | Form"]


def read_form(text: str) -> Form:
    """
    Read a form.

    :raises Refused: if a name cannot be read, or is both a text and a group of names
    """
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        matched = _NAME.fullmatch(name)
        if matched is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        _put(form, [matched[1], *_PART.findall(matched[2])], value, name)
    return form


def _put(form: Form, parts: list[str], value: str, name: str) -> None:
    for part in parts[:-1]:
        below = form.setdefault(part or str(len(form)), {})
        if isinstance(below, str):
            raise invalid(f"Invalid parameter name: {name}", param=name)
        form = below
    form[parts[-1] or str(len(form))] = value
