"""Reads settings from the environment, and refuses to start on what is missing or unsafe, saying why."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from bookings.text.money import NO_CURRENCY, is_currency

# What Django's own check asks of a key.
SHORTEST_KEY, FEWEST_CHARACTERS = 50, 5
DEVELOPMENT_KEY = "for development only: not a secret, and refused in production"
DEVELOPMENT_TOKEN_SECRET = "for development only: signs the tokens of dev_token"  # noqa: S105  # nosec B105
# RFC 7518: as many bits as the hash has.
SHORTEST_SHARED_SECRET = 32
TRUE_WORDS, FALSE_WORDS = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
LOCAL_HOST = re.compile(r"([a-z0-9.-]*\.)?localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|testserver")
ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
)
# A name that passkeys can be made for: no address, and no top level alone.
DOMAIN = re.compile(r"localhost|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
# What an address is written with.
PRINTED = re.compile(r"[!#-;=?-\[\]_a-z~]+")
USUAL_PORTS = {"http": 80, "https": 443}

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()

# ENV_FILE names another file, or none when it is empty: the tests must not see a developer's own.
_file = os.environ.get("ENV_FILE", ".env")
if _file and (BASE_DIR / _file).is_file():
    env.read_env(str(BASE_DIR / _file))
elif "ENV_FILE" in os.environ and _file:
    raise ImproperlyConfigured(f"ENV_FILE is {_file!r}, and there is no such file.")


def required_unless(development: bool, name: str, development_value: Any) -> str:
    """
    Read a setting that has a default for development alone.

    :raises ImproperlyConfigured: if it is missing and this is not development
    """
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    value = os.environ.get(name, "")
    if value:
        return value
    if development:
        return str(development_value)
    raise ImproperlyConfigured(
        f"{name} is not set. Production needs it; on a development machine set DEBUG=true (see .env.example)."
    )


def secret_key(*, development: bool) -> str:
    """
    Read SECRET_KEY.

    :raises ImproperlyConfigured: if it is missing, short, or one that was published, and this is not development
    """
    value = required_unless(development, "SECRET_KEY", DEVELOPMENT_KEY)
    weak = len(value) < SHORTEST_KEY or len(set(value)) < FEWEST_CHARACTERS
    if not development and (weak or value == DEVELOPMENT_KEY or value.startswith("django-insecure-")):
        raise ImproperlyConfigured(
            f"SECRET_KEY is too weak: it needs {SHORTEST_KEY} characters or more that are hard to guess. Make one "
            "with: python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
    return value


def currency(name: str, *, development: bool) -> str:
    """
    Read the currency of prices that come without one.

    :raises ImproperlyConfigured: if it is missing and this is not development, or no currency of ISO 4217
    """
    code = required_unless(development, name, NO_CURRENCY)
    if not (is_currency(code) or (development and code == NO_CURRENCY)):
        raise ImproperlyConfigured(f"{name} is {code!r}; it must be the ISO 4217 code of a currency, as in EUR.")
    return code


def host_names(*, development: bool) -> list[str]:
    """
    Read ALLOWED_HOSTS.

    :raises ImproperlyConfigured: if one stands for any host, or is another machine's while this is development
    """
    text = required_unless(development, "ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver")
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not development and (not names or any("*" in name for name in names)):
        raise ImproperlyConfigured(
            f"ALLOWED_HOSTS is {text!r}: name each host that the service answers to; .example.org stands for all "
            "below it."
        )
    if development and not all(LOCAL_HOST.fullmatch(name) for name in names):
        raise ImproperlyConfigured(
            f"ALLOWED_HOSTS is {text!r}, and DEBUG=true is for this machine alone: it shows settings and takes "
            "known passwords. Set DEBUG=false, or omit ALLOWED_HOSTS."
        )
    return names


def shared_secrets(name: str, *, not_this: str) -> list[str]:
    """
    Read secrets with commas between them.

    :raises ImproperlyConfigured: if one has fewer than 32 characters, or is `not_this`
    """
    secrets = [secret.strip() for secret in os.environ.get(name, "").split(",") if secret.strip()]
    weak = any(len(each) < SHORTEST_SHARED_SECRET or len(set(each)) < FEWEST_CHARACTERS for each in secrets)
    if weak or not_this in secrets or DEVELOPMENT_TOKEN_SECRET in secrets:
        raise ImproperlyConfigured(
            f"{name} must have {SHORTEST_SHARED_SECRET} characters or more that are hard to guess, and be a secret "
            "of its own; a comma parts two of them."
        )
    return secrets


def key_set_source(name: str, *, development: bool) -> str:
    """
    Read where a JSON Web Key Set comes from: the JSON itself, a file, or an address.

    :raises ImproperlyConfigured: if it is an address without TLS on another machine
    """
    value = str(env.str(name, default="")).strip()
    if value.startswith(("http://", "https://")):
        parts = urlsplit(value)
        if not parts.hostname or parts.username or parts.password or parts.fragment:
            raise ImproperlyConfigured(f"{name} must look like https://host/path, without a user or a password.")
        if parts.scheme != "https" and not development and not LOCAL_HOST.fullmatch(parts.hostname or ""):
            raise ImproperlyConfigured(f"{name} has http://; keys are fetched from https:// addresses only.")
    return value


def whole_number(name: str, *, default: int, low: int, high: int) -> int:
    """
    Read a whole number between `low` and `high`.

    :raises ImproperlyConfigured: if it is something else
    """
    text = env.str(name, default=str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be a whole number from {low} to {high}.")
    return int(text)


def yes_or_no(name: str, *, default: bool) -> bool:
    """
    Read a setting that is true or false.

    :raises ImproperlyConfigured: if it is another word: a misspelled `true` must not mean false
    """
    value = str(env.str(name, default="")).strip().lower()
    if value in TRUE_WORDS or value in FALSE_WORDS:
        return value in TRUE_WORDS
    if value:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.")
    return default


def names(name: str) -> list[str]:
    """Read names with commas between them, without repetition; none where it is empty."""
    return list(dict.fromkeys(each.strip() for each in _parts(name) if each.strip()))


def passkey_domain(name: str, *, hosts: list[str], development: bool) -> str:
    """
    Read the domain that passkeys are made for; if none is named the first host of the service, and none if that is an
    address.

    :raises ImproperlyConfigured: if no host of the service is this domain or below it, so that no passkey could be used
    """
    value = str(env.str(name, default="")).strip().lower()
    if not value:
        first = "localhost" if development else hosts[0].strip(".").lower()
        return first if DOMAIN.fullmatch(first) else ""
    is_ours = any(f".{host.strip('.').lower()}".endswith(f".{value}") for host in hosts)
    if not (DOMAIN.fullmatch(value) and is_ours):
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be a name of ALLOWED_HOSTS, or a domain above one, without a port."
        )
    return value


def pairs(name: str) -> dict[str, str]:
    """
    Read pairs in the form of word=Name, with commas between them.

    :raises ImproperlyConfigured: if one has no word, or no name, or a word is there twice
    """
    parts = [(word.strip(), meaning.strip()) for word, _, meaning in (each.rpartition("=") for each in names(name))]
    found = dict(parts)
    if not all(word and meaning for word, meaning in parts) or len(found) != len(parts):
        raise ImproperlyConfigured(f"{name} must look like word=Group,other=Group, with each word once.")
    return found


def secret(name: str) -> str:
    """Read a secret that another system has made, as it is."""
    # Not through `env`: to it a dollar sign at the start is the name of another setting.
    return os.environ.get(name, "")


def issuer(name: str, *, development: bool) -> str:
    """
    Read the issuer of an identity provider, to the letter as it writes it; empty: there is none.

    :raises ImproperlyConfigured: unless it is https://host[:port][/path]; http:// on this machine in development
    """
    value = str(env.str(name, default=""))
    if value and base_address(name, default="") not in (value, value.removesuffix("/")):
        raise ImproperlyConfigured(f"{name} must look like https://host/path.")
    parts = urlsplit(value)
    if parts.scheme == "http" and not (development and LOCAL_HOST.fullmatch(parts.hostname or "")):
        raise ImproperlyConfigured(f"{name} has http://; staff log in over https:// alone.")
    return value


def one_of(name: str, *, default: str, choices: tuple[str, ...]) -> str:
    """
    Read a setting that knows a few words.

    :raises ImproperlyConfigured: if it is another word
    """
    value = str(env.str(name, default="") or default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
    return value


def base_address(name: str, *, default: str) -> str:
    """
    Read the address of another service, without a path's trailing slash.

    :raises ImproperlyConfigured: unless it is http(s)://host[:port][/path], without user, query or fragment
    """
    value = str(env.str(name, default="") or default).rstrip("/")
    try:
        parts = urlsplit(value)
        sane = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and not (parts.username or parts.password or parts.query or parts.fragment)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        sane = False
    if not sane:
        # It may have a password in it, so it is not shown.
        raise ImproperlyConfigured(
            f"{name} must look like http://host:port, without a user, a password, a query or a fragment."
        )
    return value


def origins(name: str, *, development: bool) -> list[str]:
    """
    Read origins with commas between them, as browsers write them: scheme://host, and a port where it is no usual.

    :raises ImproperlyConfigured: if one is something else, or without TLS on another machine
    """
    return list(dict.fromkeys(_origin(name, each.strip(), development) for each in _parts(name) if each.strip()))


def _parts(name: str) -> list[str]:
    return str(env.str(name, default="")).split(",")


def _origin(name: str, text: str, development: bool) -> str:
    found = ORIGIN.fullmatch(text.lower())
    if found is None or int(found["port"] or "1") not in range(1, 65536):
        raise ImproperlyConfigured(
            f"{name} has {text.rpartition('@')[2]!r}; each must look like https://host or https://host:port, "
            "without a user, a path, a slash at the end or a star."
        )
    scheme, host, port = found["scheme"], found["host"], found["port"]
    if scheme == "http" and not development and not LOCAL_HOST.fullmatch(host):
        raise ImproperlyConfigured(f"{name} has {text!r}; pages that may call the API come over https:// alone.")
    return f"{scheme}://{host}" + (f":{int(port)}" if port and int(port) != USUAL_PORTS[scheme] else "")


def address_of_each(name: str) -> str:
    """
    Read the address of a page there is for each user, with {id} where its number goes; empty: there is none.

    :raises ImproperlyConfigured: unless it is https://host[:port]/… with {id} once, behind the host, and without a user
    """
    value = str(env.str(name, default=""))
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        sane = (
            parts.scheme == "https"
            and parts.hostname
            and not set("@{") & set(parts.netloc)
            and (parts.port is None or parts.port > 0)
            and value.count("{id}") == 1
            and PRINTED.fullmatch(value.replace("{id}", ""))
        )
    except ValueError:
        sane = False
    if not sane:
        # It may have a password in it, so it is not shown.
        raise ImproperlyConfigured(
            f"{name} must look like https://host/path/{{id}}, with {{id}} once, and without a user or a password."
        )
    return value


def is_plaintext(address: str, *, meant_for: str) -> bool:
    """
    Tell whether what is sent there can be read and changed on its way to another machine.

    :param meant_for: a host of which that is known and meant
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    return parts.scheme == "http" and not LOCAL_HOST.fullmatch(host) and host != meant_for.lower()


def redis_address(name: str) -> str:
    """
    Read the address of a Redis server, or nothing.

    :raises ImproperlyConfigured: unless it is redis://…, rediss://… or unix://…
    """
    value = str(env.str(name, default=""))
    if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        # It may have a password, so it is not shown.
        raise ImproperlyConfigured(f"{name} must look like redis://host:6379/0, rediss://… or unix://….")
    return value


def tracing_wanted(name: str) -> bool:
    """
    Read whether spans are handed to OpenTelemetry.

    :raises ImproperlyConfigured: if they shall be, and its packages are not installed
    """
    wanted = yes_or_no(name, default=False)
    try:
        there = find_spec("opentelemetry.sdk") is not None
    except ModuleNotFoundError:
        there = False
    if wanted and not there:
        raise ImproperlyConfigured(
            f"{name}=true needs OpenTelemetry, which is not installed: pip install -r requirements-tracing.txt. "
            f"With {name}=false traces are passed on and logged all the same."
        )
    return wanted
