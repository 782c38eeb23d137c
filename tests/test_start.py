"""What the service refuses to start with, each with a reason that says what to do."""

import ast
import json
import os

import pytest

from tests.support import starts

pytestmark = pytest.mark.slow

STRONG = "kXo3vB8t0qLw5ZyN1rHd7uPfJ2mGcSaE9iTbQ4xVeR6gYhKjDlUzWnMpOsFA-_09"
SAFE = {
    "ENV_FILE": "",
    "DEBUG": "false",
    "DATABASE_URL": "sqlite://:memory:",
    "SECRET_KEY": STRONG,
    "ALLOWED_HOSTS": "bookings.example.org",
    "CURRENCY": "EUR",
    "JWT_ISSUER": "https://users.example.org",
    "JWT_SECRET": "a secret of the user service and long enough",
}

# settings: what the reason must say
REFUSED = {
    "no secret key": ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
    "a short secret key": ({"SECRET_KEY": STRONG[:49]}, "SECRET_KEY is too weak"),
    "a secret key of four letters": ({"SECRET_KEY": "abcd" * 20}, "SECRET_KEY is too weak"),
    "a published secret key": ({"SECRET_KEY": f"django-insecure-{STRONG}"}, "SECRET_KEY is too weak"),
    "the key of development": (
        {"SECRET_KEY": "for development only: not a secret, and refused in production"},
        "SECRET_KEY is too weak",
    ),
    "no hosts": ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
    "only commas for hosts": ({"ALLOWED_HOSTS": " , "}, "name each host"),
    "any host": ({"ALLOWED_HOSTS": "*"}, "name each host"),
    "a host with a star among others": ({"ALLOWED_HOSTS": "a.example.org, *.example.org"}, "name each host"),
    "debug for another machine": ({"DEBUG": "true"}, "DEBUG=true is for this machine alone"),
    "debug for any machine": ({"DEBUG": "true", "ALLOWED_HOSTS": "*"}, "DEBUG=true is for this machine alone"),
    "no currency": ({"CURRENCY": ""}, "CURRENCY is not set"),
    "the currency of development": ({"CURRENCY": "XXX"}, "CURRENCY is 'XXX'"),
    "a currency without a minor unit": ({"CURRENCY": "XAU"}, "CURRENCY is 'XAU'"),
    "a currency that ISO 4217 does not know": ({"CURRENCY": "EURO"}, "CURRENCY is 'EURO'"),
    "a currency in small letters": ({"CURRENCY": "eur"}, "it must be the ISO 4217 code of a currency"),
    "an unknown way to authenticate": ({"API_AUTH": "none"}, "API_AUTH is 'none'"),
    "the token secret of development": (
        {"JWT_SECRET": "for development only: signs the tokens of dev_token"},
        "that are hard to guess",
    ),
    "a token secret of one letter": ({"JWT_SECRET": "a" * 40}, "that are hard to guess"),
    "a short token secret": ({"JWT_SECRET": "x" * 31}, "JWT_SECRET must have 32 characters"),
    "one of two token secrets is short": ({"JWT_SECRET": f"{'x' * 32},short"}, "JWT_SECRET must have 32"),
    "the secret key as token secret": ({"JWT_SECRET": STRONG}, "a secret of its own"),
    "keys fetched without TLS": ({"JWT_JWKS": "http://users.example.org/jwks"}, "https:// addresses only"),
    "an address of keys with a password": ({"JWT_JWKS": "https://a:b@users.example.org/jwks"}, "must look like"),
    "a Redis address that is none": ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL must look like"),
    "a counter that belongs to nobody": ({"FLIGHT_SERVICE_COUNTER": "mine"}, "one of: exclusive, shared"),
    "too many unpaid bookings": (
        {"MAX_UNPAID_BOOKINGS_PER_USER": "1001"},
        "MAX_UNPAID_BOOKINGS_PER_USER is '1001'",
    ),
    "a refusal without a meaning": ({"FLIGHT_SERVICE_REFUSAL_CODES": "409:SOLD_OUT"}, "it must look like"),
    "a refusal that means nothing here": (
        {"FLIGHT_SERVICE_REFUSAL_CODES": "409=sold"},
        "and one of: insufficient",
    ),
    "a failure as a refusal": ({"FLIGHT_SERVICE_REFUSAL_CODES": "500=flight_not_found"}, "status of 400 to 499"),
    "any success as a refusal": ({"FLIGHT_SERVICE_REFUSAL_CODES": "200=insufficient_seats"}, "200 and a word"),
    "no time to settle": ({"FLIGHT_SERVICE_SETTLE_SECONDS": "0"}, "FLIGHT_SERVICE_SETTLE_SECONDS is '0'"),
    "too many changes at once": (
        {"FLIGHT_SERVICE_CHANGES_AT_ONCE": "65"},
        "FLIGHT_SERVICE_CHANGES_AT_ONCE is '65'",
    ),
    "a replica of SQLite": ({"DATABASE_REPLICA_URL": "mysql://a:b@replica/name"}, "and DATABASE_URL too"),
    "a replica that is no mysql": (
        {"DATABASE_URL": "mysql://a:b@primary/name", "DATABASE_REPLICA_URL": "sqlite:///copy.sqlite3"},
        "DATABASE_REPLICA_URL must look like mysql://",
    ),
    "a replica that is no address": (
        {"DATABASE_URL": "mysql://a:b@primary/name", "DATABASE_REPLICA_URL": "replica"},
        "DATABASE_REPLICA_URL must look like mysql://",
    ),
    "an address of a database that is none": ({"DATABASE_URL": "garbage"}, "DATABASE_URL must"),
    "a database at a port that is none": (
        {"DATABASE_URL": "mysql://u:pa55@h:99999x/x"},
        "DATABASE_URL must look like mysql://",
    ),
    "neither true nor false": (
        {"FLIGHT_SERVICE_KEYED": "ture"},
        "KEYED is 'ture'; it must be true",
    ),
    "an unknown level of the log": ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'"),
    "a file of settings that is not there": ({"ENV_FILE": "/nowhere/bookings.env"}, "there is no such file"),
    "too many proxies": ({"PROXY_HOPS": "11"}, "PROXY_HOPS is '11'"),
    "a port for metrics that is none": ({"WORKER_METRICS_PORT": "65536"}, "WORKER_METRICS_PORT is '65536'"),
    "a drain longer than anybody waits": ({"DRAIN_SECONDS": "301"}, "DRAIN_SECONDS is '301'"),
    "an origin without a scheme": ({"CORS_ALLOWED_ORIGINS": "shop.example.org"}, "must look like https://host"),
    "an origin with a path": ({"CORS_ALLOWED_ORIGINS": "https://shop.example.org/pay"}, "without a user, a path"),
    "an origin with a slash": ({"CORS_ALLOWED_ORIGINS": "https://shop.example.org/"}, "a slash at the end"),
    "any origin": ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS has '*'"),
    "any origin with TLS": ({"CORS_ALLOWED_ORIGINS": "https://*"}, "CORS_ALLOWED_ORIGINS has 'https://*'"),
    "any origin below another": ({"CORS_ALLOWED_ORIGINS": "https://*.example.org"}, "or a star"),
    "no origin": ({"CORS_ALLOWED_ORIGINS": "null"}, "CORS_ALLOWED_ORIGINS has 'null'"),
    "one of two origins": (
        {"CORS_ALLOWED_ORIGINS": "https://shop.example.org, shop"},
        "CORS_ALLOWED_ORIGINS has 'shop'",
    ),
    "origins with blanks between them": (
        {"CORS_ALLOWED_ORIGINS": "https://a.example https://b.example"},
        "must look like https://host",
    ),
    "an origin with a query": ({"CORS_ALLOWED_ORIGINS": "https://a.example?b"}, "must look like https://host"),
    "an origin at a port that is none": ({"CORS_ALLOWED_ORIGINS": "https://a.example:65536"}, "https://host:port"),
    "an origin of another scheme": ({"CORS_ALLOWED_ORIGINS": "ftp://a.example"}, "must look like https://host"),
    "an origin that is not ASCII": ({"CORS_ALLOWED_ORIGINS": "https://bücher.example"}, "must look like https://"),
    "an origin without TLS": ({"CORS_ALLOWED_ORIGINS": "http://shop.example.org"}, "over https:// alone"),
    "an origin that looks like this machine": (
        {"CORS_ALLOWED_ORIGINS": "http://localhost.example.org"},
        "over https:// alone",
    ),
    "passkeys for another site": ({"PASSKEY_DOMAIN": "elsewhere.org"}, "PASSKEY_DOMAIN is 'elsewhere.org'"),
    "passkeys for a top level": ({"PASSKEY_DOMAIN": "org"}, "PASSKEY_DOMAIN is 'org'"),
    "passkeys for a port": ({"PASSKEY_DOMAIN": "bookings.example.org:443"}, "without a port"),
    "an issuer without TLS": ({"OIDC_ISSUER": "http://login.example.org"}, "OIDC_ISSUER has http://"),
    "an issuer that is no address": ({"OIDC_ISSUER": "login.example.org"}, "OIDC_ISSUER must look like"),
    "a group of the provider without one of ours": ({"OIDC_GROUPS": "desk="}, "OIDC_GROUPS must look like"),
    "one group of the provider for two of ours": (
        {"OIDC_GROUPS": "desk=Support,desk=Supervisor"},
        "with each word once",
    ),
    "a page of customers without TLS": (
        {"CUSTOMER_URL_TEMPLATE": "http://crm.example.org/{id}"},
        "must look like https",
    ),
    "a page of customers without an id": ({"CUSTOMER_URL_TEMPLATE": "https://crm.example.org/"}, "with {id} once"),
    "a page of customers with two ids": ({"CUSTOMER_URL_TEMPLATE": "https://crm.example.org/{id}/{id}"}, "{id} once"),
    "a page of customers with another word": (
        {"CUSTOMER_URL_TEMPLATE": "https://crm.example.org/{id}/{name}"},
        "CUSTOMER_URL_TEMPLATE must look like",
    ),
    "a host for each customer": ({"CUSTOMER_URL_TEMPLATE": "https://{id}.example.org/"}, "must look like https"),
    "a page of customers with a password": (
        {"CUSTOMER_URL_TEMPLATE": "https://a:pa55word@crm.example.org/{id}"},
        "without a user or a password",
    ),
    "customers in a script": ({"CUSTOMER_URL_TEMPLATE": "javascript:alert({id})"}, "must look like https"),
    "a limit below zero": ({"CREATES_PER_MINUTE": "-1"}, "CREATES_PER_MINUTE is '-1'"),
}


def start(*command, **settings):
    """Run one command of the service with these settings beside safe ones."""
    # What this machine's environment says must not decide.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return starts.start(*command, env={**inherited, **SAFE, **settings})


def test_it_starts_with_safe_settings_and_says_nothing():
    result = start("-c", "import bookingsite.settings")

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(("settings", "reason"), REFUSED.values(), ids=REFUSED)
def test_it_refuses_to_start_with(settings, reason):
    # The web server, the worker and every command read the settings first.
    result = start("-c", "import bookingsite.settings", **settings)

    assert result.returncode != 0
    assert reason in result.stderr.strip().splitlines()[-1]


def test_an_address_of_a_database_that_is_refused_is_not_shown():
    result = start("-c", "import bookingsite.settings", DATABASE_URL="msyql://u:pa55word@h/x")

    assert result.returncode != 0
    assert "pa55word" not in result.stdout + result.stderr


@pytest.mark.parametrize(("set_to", "counted_in"), [("", "XXX"), ("XXX", "XXX"), ("JPY", "JPY")])
def test_development_counts_in_no_currency_unless_one_is_named(set_to, counted_in):
    result = start("-c", PRINT_SETTINGS.format("CURRENCY"), DEBUG="true", ALLOWED_HOSTS="localhost", CURRENCY=set_to)

    assert result.stdout == f"{counted_in}\n"


def test_a_secret_may_begin_with_a_dollar_sign_and_keys_may_have_a_query():
    result = start(
        "-c",
        PRINT_SETTINGS.format("JWT_SECRETS"),
        JWT_SECRET="$abcdefghijklmnopqrstuvwxyz0123456789",
        JWT_JWKS="https://users.example.org/keys?p=policy",
    )

    assert result.stdout == "['$abcdefghijklmnopqrstuvwxyz0123456789']\n"


def test_an_address_of_redis_that_cannot_be_used_keeps_the_web_server_from_starting():
    result = start("-c", "import bookingsite.wsgi", REDIS_URL="redis://127.0.0.1:port/0")

    assert result.returncode != 0


def test_no_reason_shows_a_secret():
    shown = start("-c", "import bookingsite.settings", SECRET_KEY="x1" * 20).stderr
    shown += start("-c", "import bookingsite.settings", JWT_SECRET="s3cr3t").stderr
    shown += start("-c", "import bookingsite.settings", REDIS_URL="http://:pa55word@host").stderr
    shown += start("-c", "import bookingsite.settings", FLIGHT_SERVICE_URL="http://a:pa55word@host").stderr
    shown += start("-c", "import bookingsite.settings", JWT_JWKS="https://a:pa55word@host").stderr
    shown += start("-c", "import bookingsite.settings", CORS_ALLOWED_ORIGINS="https://a:pa55word@host").stderr

    assert shown.count("ImproperlyConfigured") >= 6
    assert "x1x1" not in shown
    assert "s3cr3t" not in shown
    assert "pa55word" not in shown


def test_no_page_of_another_origin_may_call_unless_it_is_named():
    assert start("-c", PRINT_SETTINGS.format("CORS_ALLOWED_ORIGINS")).stdout == "[]\n"


def test_origins_are_kept_as_browsers_write_them():
    result = start(
        "-c",
        PRINT_SETTINGS.format("CORS_ALLOWED_ORIGINS"),
        CORS_ALLOWED_ORIGINS=" https://Shop.Example.org:443,http://localhost:5173, https://a.b-c.example:08443, "
        "http://127.0.0.1:80,https://[2001:db8::1]:8443,https://xn--bcher-kva.example,https://shop.example.org,,",
    )

    assert ast.literal_eval(result.stdout) == [
        *("https://shop.example.org", "http://localhost:5173", "https://a.b-c.example:8443", "http://127.0.0.1"),
        *("https://[2001:db8::1]:8443", "https://xn--bcher-kva.example"),
    ]


@pytest.mark.parametrize(
    "template", ["https://crm.example.org:8443/a-b/{id}", "https://crm.example.org/?customer={id}#top"]
)
def test_a_page_of_customers_is_kept_as_it_is_written(template):
    result = start("-c", PRINT_SETTINGS.format("CUSTOMER_URL_TEMPLATE"), CUSTOMER_URL_TEMPLATE=template)

    assert result.stdout == f"{template}\n"


def test_refusals_of_a_flight_service_are_read_as_they_are_written():
    result = start(
        "-c",
        PRINT_SETTINGS.format("FLIGHT_SERVICE_REFUSAL_CODES"),
        FLIGHT_SERVICE_REFUSAL_CODES=" 409:SOLD_OUT=insufficient_seats; "
        "400:No seat, sorry: x=y=insufficient_seats;;404=flight_not_found;200:gone=flight_not_found",
    )

    assert ast.literal_eval(result.stdout) == {
        (409, "SOLD_OUT"): "insufficient_seats",
        (400, "No seat, sorry: x=y"): "insufficient_seats",
        (404, ""): "flight_not_found",
        (200, "gone"): "flight_not_found",
    }


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({"FLIGHT_SERVICE_URL": "http://flights.example.org"}, True),
        ({"FLIGHT_SERVICE_URL": "http://10.0.0.7:8001"}, True),
        ({"FLIGHT_SERVICE_URL": "http://localhost.example.org"}, True),
        ({"FLIGHT_SERVICE_URL": "http://flightsim:8001", "FLIGHT_SERVICE_PLAINTEXT_HOST": "flights"}, True),
        ({"FLIGHT_SERVICE_URL": "http://FlightSim:8001", "FLIGHT_SERVICE_PLAINTEXT_HOST": "flightSIM"}, False),
        ({"FLIGHT_SERVICE_URL": "https://flights.example.org"}, False),
        ({"FLIGHT_SERVICE_URL": "http://127.0.0.1:8001"}, False),
        ({"FLIGHT_SERVICE_URL": "http://[::1]:8001"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_flight_service_without_tls_on_another_machine_is_warned_of(settings, is_told):
    result = start("manage.py", "check", **settings)

    assert result.returncode == 0
    assert ("(bookings.W001) FLIGHT_SERVICE_URL has http://" in result.stderr) is is_told


def test_tokens_are_what_production_asks_for_unless_told_otherwise():
    result = start("-c", PRINT_SETTINGS.format("API_AUTH"))

    assert result.stdout == "token\n"


def test_trusting_every_caller_must_be_said_and_is_warned_of():
    result = start("manage.py", "check", API_AUTH="open")

    assert result.returncode == 0
    assert "(bookings.W002) API_AUTH=open" in result.stderr


def test_a_replica_that_was_made_the_primary_is_none_any_more():
    result = start(
        "-c",
        PRINT_SETTINGS.format("DATABASES.keys()"),
        DATABASE_URL="mysql://writer:a@host/name",
        DATABASE_REPLICA_URL="mysql://reader:b@host:3306/name",
    )

    assert result.stdout == "dict_keys(['default'])\n"


def test_nobody_waits_long_for_a_replica_and_it_is_read_only():
    result = start(
        "-c",
        PRINT_SETTINGS.format("DATABASES['replica']['OPTIONS']"),
        DATABASE_URL="mysql://writer:a@host:3306/name",
        DATABASE_REPLICA_URL="mysql://reader:b@other:3306/name",
    )

    assert ast.literal_eval(result.stdout) == {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "init_command": "SET time_zone='+00:00', completion_type='NO_CHAIN', innodb_lock_wait_timeout=5, "
        "lock_wait_timeout=2 /*M! , tx_read_only=1 */ /*!80000 , transaction_read_only=1 */",
        "connect_timeout": 1,
        "read_timeout": 5,
        "write_timeout": 5,
    }


def test_a_key_set_that_cannot_be_read_keeps_the_web_server_from_starting(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text('{"keys": []}')

    result = start("-c", "import bookingsite.wsgi", JWT_JWKS=str(file))

    assert result.returncode != 0
    assert "no signing key" in result.stderr


def test_a_database_that_is_not_there_yet_does_not_keep_it_from_starting():
    nobody = "mysql://bookings@127.0.0.1:1/bookings"

    result = start("-c", "import bookingsite.wsgi", DATABASE_URL=nobody, DATABASE_REPLICA_URL=f"{nobody}_replica")

    assert result.returncode == 0
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [line["what"] for line in lines if line["event"] == "database.not_there_yet"] == ["default", "replica"]


def test_cookies_of_production_are_bound_to_the_host_and_to_tls():
    names = (
        "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "SESSION_COOKIE_SAMESITE",
        "SESSION_COOKIE_AGE",
    )

    result = start("-c", "".join(PRINT_SETTINGS.format(name) for name in names))

    assert result.stdout.split() == ["__Host-session", "__Host-csrf", "True", "True", "True", "Lax", "1800"]


def test_demo_tokens_are_not_made_in_production():
    result = start("manage.py", "dev_token", "--user", "1001")

    assert result.returncode != 0
    assert "only while DEBUG=true" in result.stderr


PRINT_SETTINGS = (
    "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'bookingsite.settings'\n"
    "from django.conf import settings; print(settings.{})\n"
)


def test_a_command_says_the_reason_in_one_line():
    result = start("manage.py", "doctor", SECRET_KEY="")

    assert result.returncode == 1
    assert result.stderr.startswith("FAIL  settings  SECRET_KEY is not set.")
    assert result.stderr.count("\n") == 1


def test_a_command_has_no_process_beside_it():
    program = "import django; django.setup(); from devtools.processes import descendants; print(descendants())"

    done = starts.start("-c", program, env={**SAFE, "DJANGO_SETTINGS_MODULE": "bookingsite.settings"})

    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
