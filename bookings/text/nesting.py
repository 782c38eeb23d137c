"""
How deep JSON goes, which is counted before anything of it is built.

What reads JSON has no limit of its own that could be relied on: Python 3.11 ends at a thousand levels, 3.14 where the
stack of the thread ends. What then walks through a value level by level ends long before that.
"""

import re

# A string to its end, or to the end of the content where it has none: so each byte is looked at once.
_BRACKET_OR_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def is_deeper_than(levels: int, content: bytes) -> bool:
    """Tell whether brackets outside of strings are nested deeper than that, in JSON or in what claims to be JSON."""
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(content):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > levels:
                return True
        elif first in b"]}":
            depth -= 1
    return False
