"""Reads who sends SMS to travelers, and from which number. What may be a token is never shown."""

import os
import re
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages.twilio import MESSAGING_SERVICE, TwilioAccount
from bookings.text.phone_numbers import is_normal
from bookingsite.config.env import LOCAL_HOST, env
from bookingsite.config.mail import FOLDER, HOST

# How a connection is opened; without TLS to this machine alone: to a stand-in.
SCHEMES = {"twilio": "https", "twilio+plain": "http"}
ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
# The account itself, or a key that was made for it.
USER = re.compile(r"(AC|SK)[0-9a-f]{32}")

# A short code, or a name; some countries forbid names.
OTHER_SENDER = re.compile(r"[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 ]{0,9}[A-Za-z0-9]")


def sms_service(name: str, *, development: bool) -> TwilioAccount | str:
    """
    Read who sends SMS; empty: no one, and none is sent. A text names another way than Twilio's.

    :raises ImproperlyConfigured: unless it is twilio:// with an account, or a key of one, its token and a host
    """
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    value = os.environ.get(name, "").strip()
    if not value or (value == FOLDER and development):
        return value
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, SplitResult("", "", "", "", "")
    user, token = unquote(parts.username or ""), unquote(parts.password or "")
    account = parts.path.strip("/") or user
    is_sane = parts.scheme in SCHEMES and HOST.fullmatch(host) and port != 0 and not (parts.query or parts.fragment)
    is_known = USER.fullmatch(user) and ACCOUNT.fullmatch(account) and token.isprintable() and token
    if not (is_sane and is_known):
        raise ImproperlyConfigured(
            f"{name} must look like twilio://AC…:token@api.twilio.com, or with a key of an account "
            "twilio://SK…:secret@api.twilio.com/AC…; other signs than letters and digits are percent-encoded."
        )
    if parts.scheme == "twilio+plain" and not LOCAL_HOST.fullmatch(host):
        raise ImproperlyConfigured(f"{name} would send a token that all machines on the way can read; use twilio://.")
    place = f"[{host}]" if ":" in host else host
    url = f"{SCHEMES[parts.scheme]}://{place}" + ("" if port is None else f":{port}")
    return TwilioAccount(url, account, user, token)


def sms_sender(name: str) -> str:
    """
    Read which number SMS are from; empty: none is named.

    :raises ImproperlyConfigured: unless it is a number, a short code, a name of up to eleven letters, or a service
    """
    value = str(env.str(name, default="")).strip()
    if value and not (is_normal(value) or MESSAGING_SERVICE.fullmatch(value) or OTHER_SENDER.fullmatch(value)):
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be a number as in +4915123456789, a short code, a name of at most eleven "
            "letters, or a messaging service of Twilio, MG…."
        )
    return value
