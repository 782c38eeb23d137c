"""An authenticator app: RFC 6238 as it stands there, and nothing of the library that verifies."""

import base64
import hashlib
import hmac
import re
import struct
import time
from typing import Any

STEP_SECONDS = 30


def code_of(key: str, *, steps: int = 0) -> str:
    """Show the six digits of a key in hex, as they are now or some steps later."""
    counter = int(time.time()) // STEP_SECONDS + steps
    digest = hmac.new(bytes.fromhex(key), struct.pack(">Q", counter), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def key_on(page: Any) -> str:
    """Read the key off the page that sets an app up, in hex."""
    shown = re.search(r'<code class="mono">([A-Z2-7 ]+)</code>', page.content.decode())[1]
    return base64.b32decode(shown.replace(" ", "")).hex()


def wrong_code(key: str) -> str:
    """Six digits that this key shows neither now nor a minute before or after."""
    near = {code_of(key, steps=steps) for steps in range(-2, 3)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)
