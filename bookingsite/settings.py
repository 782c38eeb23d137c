"""
Django's settings. What varies between two installations comes through `env`.

A value that is wrong by itself is refused here; what is wrong together, by `bookingsite.config.checks`.
"""

import sys

from bookingsite import logs
from bookingsite.config import cells, flights, mail, payments, queue, sms, upkeep, webhooks
from bookingsite.config.databases import database, replica
from bookingsite.config.env import (
    BASE_DIR,
    DEVELOPMENT_TOKEN_SECRET,
    address_of_each,
    base_address,
    currency,
    env,
    host_names,
    issuer,
    key_set_source,
    names,
    one_of,
    origins,
    pairs,
    passkey_domain,
    redis_address,
    secret,
    secret_key,
    shared_secrets,
    tracing_wanted,
    whole_number,
    yes_or_no,
)

VERSION = "0.2.0"

DEBUG = yes_or_no("DEBUG", default=False)
SECRET_KEY = secret_key(development=DEBUG)
ALLOWED_HOSTS = host_names(development=DEBUG)

# --- callers -------------------------------------------------------------------------------------------

API_AUTH = one_of("API_AUTH", default="open" if DEBUG else "token", choices=("open", "token"))

# How customers' tokens are verified. Without a key of either kind only services, with keys of ours, can call.
JWT_SECRETS = shared_secrets("JWT_SECRET", not_this=SECRET_KEY)
JWT_JWKS = key_set_source("JWT_JWKS", development=DEBUG)
if DEBUG and not (JWT_SECRETS or JWT_JWKS):
    JWT_SECRETS = [DEVELOPMENT_TOKEN_SECRET]
JWT_ISSUER = env.str("JWT_ISSUER", default="https://users.localhost" if DEBUG else "")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", default="") or "bookings"

# Requests in a minute, of one caller to one endpoint; 0: as many as it likes. Where every caller is trusted, a
# gateway in front counts them.
_limited = API_AUTH == "token"
CREATES_PER_MINUTE = whole_number("CREATES_PER_MINUTE", default=60 * _limited, low=0, high=1_000_000)
PAYMENTS_PER_MINUTE = whole_number("PAYMENTS_PER_MINUTE", default=60 * _limited, low=0, high=1_000_000)
CANCELS_PER_MINUTE = whole_number("CANCELS_PER_MINUTE", default=60 * _limited, low=0, high=1_000_000)
READS_PER_MINUTE = whole_number("READS_PER_MINUTE", default=600 * _limited, low=0, high=1_000_000)
SERVICE_REQUESTS_PER_MINUTE = whole_number("SERVICE_REQUESTS_PER_MINUTE", default=6000, low=0, high=1_000_000)

# Of which origins a page may call the API in a browser, by a token and never by a cookie.
CORS_ALLOWED_ORIGINS = origins("CORS_ALLOWED_ORIGINS", development=DEBUG)
CORS_URLS_REGEX = r"^/api(/|$)"
CORS_ALLOW_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
CORS_ALLOW_HEADERS = [
    *("authorization", "content-type", "idempotency-key", "x-idempotency-key", "prefer", "x-request-id"),
    *("if-match", "traceparent", "tracestate"),
]
CORS_EXPOSE_HEADERS = [
    *("ETag", "Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied", "X-Request-ID"),
    *("WWW-Authenticate", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"),
]
# The longest that browsers keep the answer to a preflight.
CORS_PREFLIGHT_MAX_AGE = 2 * 3600

# How many proxies of ours a request passes: of X-Forwarded-For and -Proto only what these wrote is believed.
PROXY_HOPS = whole_number("PROXY_HOPS", default=0 if DEBUG else 1, low=0, high=10)
REDIS_URL = redis_address("REDIS_URL")

# --- the web server ------------------------------------------------------------------------------------

WEB_HOST = env.str("WEB_HOST", default="") or "127.0.0.1"
WEB_PORT = whole_number("WEB_PORT", default=8000, low=1, high=65535)
WEB_WORKERS = whole_number("WEB_WORKERS", default=2, low=1, high=64)
# Threads that work: 19 of 32 may create bookings, the others pay, read, and serve the back office, see
# `bookingsite.web.lanes`. A thread waits while the Flight Service answers, so there are many: 32 took twice the
# bookings of 8 at 50 ms a call.
WEB_THREADS = whole_number("WEB_THREADS", default=32, low=1, high=256)
# A proxy that asks every second turns away after two refusals, and has two more seconds for a slow one.
DRAIN_SECONDS = whole_number("DRAIN_SECONDS", default=5, low=0, high=300)

# --- bookings ------------------------------------------------------------------------------------------

FLIGHT_SERVICE_URL = base_address("FLIGHT_SERVICE_URL", default="http://127.0.0.1:8001")
FLIGHT_SERVICE_KEYED = yes_or_no("FLIGHT_SERVICE_KEYED", default=True)
FLIGHT_SERVICE_SEAT_NUMBERS = flights.seat_numbers("FLIGHT_SERVICE_SEAT_NUMBERS", keyed=FLIGHT_SERVICE_KEYED)
# Names the host where plain HTTP is meant: a name in one container network, a mesh that encrypts by itself.
FLIGHT_SERVICE_PLAINTEXT_HOST = env.str("FLIGHT_SERVICE_PLAINTEXT_HOST", default="")
FLIGHT_SERVICE_REFUSAL_CODES = flights.refusal_codes("FLIGHT_SERVICE_REFUSAL_CODES")
# A busy flight is asked about now and then, and a new price is hardly late. One without keys is always asked.
FLIGHT_PRICE_SECONDS = whole_number("FLIGHT_PRICE_SECONDS", default=2, low=0, high=60)
# What stands below is about a Flight Service without keys alone: see docs/unkeyed.md.
FLIGHT_SERVICE_COUNTER = one_of("FLIGHT_SERVICE_COUNTER", default="shared", choices=("exclusive", "shared"))
FLIGHT_SERVICE_SETTLE_SECONDS = whole_number("FLIGHT_SERVICE_SETTLE_SECONDS", default=60, low=1, high=3600)
FLIGHT_SERVICE_CHANGES_AT_ONCE = whole_number("FLIGHT_SERVICE_CHANGES_AT_ONCE", default=4, low=1, high=64)
# Of a flight that the Flight Service shows without a currency of its own.
CURRENCY = currency("CURRENCY", development=DEBUG)
PAYMENT_WINDOW_SECONDS = whole_number("PAYMENT_WINDOW_SECONDS", default=900, low=1, high=7 * 24 * 3600)
REMIND_BEFORE_SECONDS = whole_number("REMIND_BEFORE_SECONDS", default=300, low=0, high=7 * 24 * 3600)
EXPIRY_INTERVAL_SECONDS = whole_number("EXPIRY_INTERVAL_SECONDS", default=10, low=1, high=60)
MAX_SEATS_PER_BOOKING = whole_number("MAX_SEATS_PER_BOOKING", default=10, low=1, high=1000)
# What a user may have unpaid at once, 0: as much as it likes. A large party is two bookings of the largest size.
MAX_UNPAID_BOOKINGS_PER_USER = whole_number("MAX_UNPAID_BOOKINGS_PER_USER", default=10, low=0, high=1000)
MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = whole_number(
    "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT", default=2 * MAX_SEATS_PER_BOOKING, low=0, high=100_000
)
# A bulk cancellation of more bookings, or of more refunds in minor units of CURRENCY, needs a second person; 0: never.
# Fifty is more than any one party has, and fewer than the bookings of a flight: who cancels a flight is asked about.
BULK_APPROVAL_BOOKINGS = whole_number("BULK_APPROVAL_BOOKINGS", default=50, low=0, high=5_000)
BULK_APPROVAL_REFUNDS = whole_number("BULK_APPROVAL_REFUNDS", default=0, low=0, high=2**53 - 1)
PAYMENT_GATEWAYS = {
    "instant": "bookings.gateways.payments.instant.InstantPayments",
    "demo": "bookings.gateways.payments.demo.DemoPayments",
    "stripe": "bookings.gateways.payments.stripe.gateway.StripePayments",
}
PAYMENT_GATEWAY = one_of("PAYMENT_GATEWAY", default="instant", choices=tuple(PAYMENT_GATEWAYS))
# Where a payer comes back to from the page of a bank.
PAYMENT_RETURN_URL = payments.return_address("PAYMENT_RETURN_URL", development=DEBUG)
PAYMENT_TEST_MODE = yes_or_no("PAYMENT_TEST_MODE", default=False)
# The account at Stripe; see docs/payments.md. It stays while there are payments to refund, whatever takes new ones.
STRIPE_API_KEY = payments.stripe_key("STRIPE_API_KEY", publishable=False)
STRIPE_PUBLISHABLE_KEY = payments.stripe_key("STRIPE_PUBLISHABLE_KEY", publishable=True)
STRIPE_WEBHOOK_SECRETS = payments.stripe_webhook_secrets("STRIPE_WEBHOOK_SECRET")
STRIPE_API_URL = payments.stripe_address("STRIPE_API_URL", development=DEBUG)
STRIPE_METHODS = payments.stripe_methods("STRIPE_METHODS")

# To which ports of receivers webhooks are sent, and the networks inside that they may be in; see docs/webhooks.md.
WEBHOOK_PORTS = webhooks.ports("WEBHOOK_PORTS")
WEBHOOK_PRIVATE_NETWORKS = webhooks.private_networks("WEBHOOK_PRIVATE_NETWORKS")
WEBHOOK_CA_FILE = webhooks.ca_file("WEBHOOK_CA_FILE")
WEBHOOK_PROXY = webhooks.proxy("WEBHOOK_PROXY")
# What seals the secrets of webhooks in the database.
SEAL_KEYS = webhooks.seal_keys("SEAL_KEYS", development=DEBUG)

# Where mails to travelers are handed over, and who they are from; see docs/messages.md.
MAIL_SERVER = mail.mail_server("EMAIL_URL", development=DEBUG)
MAIL_FOLDER = BASE_DIR / "var" / "mail"
MAIL_CA_FILE = webhooks.ca_file("MAIL_CA_FILE")
MAIL_FROM = mail.sender("MAIL_FROM")
MAIL_REPLY_TO = mail.sender("MAIL_REPLY_TO")
ANYMAIL = mail.anymail()

# Who sends SMS to travelers beside mails, and from which number.
SMS_SERVICE = sms.sms_service("SMS_URL", development=DEBUG)
SMS_FROM = sms.sms_sender("SMS_FROM")
OPERATORS_MAIL = mail.address("OPERATORS_MAIL")
CONTACT_RETENTION_DAYS, KEEP_MONTHS = upkeep.kept()

# Where staff find a user outside of this service; it opens in their browser, and nothing is sent there from here.
CUSTOMER_URL_TEMPLATE = address_of_each("CUSTOMER_URL_TEMPLATE")

# --- Django --------------------------------------------------------------------------------------------

ROOT_URLCONF = "bookingsite.urls"
WSGI_APPLICATION = "bookingsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# REST framework would load PostgreSQL's library for fields that no model has: ten megabytes in each process.
sys.modules["django.contrib.postgres.fields"] = None  # type: ignore[assignment]
INSTALLED_APPS = [
    "bookings",
    "bookingsite.apps.BackOfficeConfig",
    "bookingsite.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp.plugins.otp_totp",
    "django_q",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

# From the outside in. A request to the API passes the first list, what a payment gateway tells the second, and every
# other request what stands behind ByAddress.
API_MIDDLEWARE = [
    "bookingsite.web.middleware.EveryAnswer",
    "bookingsite.web.middleware.RequestContext",
    "bookingsite.web.cors.Cors",
    "bookingsite.web.problems.ProblemDetails",
    "bookingsite.web.middleware.ApiAnswersInJson",
    "bookingsite.web.api_requests.OnlyEncrypted",
    "bookingsite.web.middleware.Encryption",
    "bookingsite.web.bodies.WholeBodies",
    "bookingsite.web.hosts.OwnHost",
    "bookingsite.web.api_requests.HeadersOnce",
    "bookingsite.web.middleware.Bounds",
    "bookingsite.web.api_requests.SlashOrNone",
    "bookingsite.web.cors.Preflights",
    "bookingsite.web.unavailable.DatabasePatience",
]
# Nothing here reads a cookie, and nothing redirects: a gateway would follow with a GET, or not at all.
WEBHOOK_MIDDLEWARE = [
    "bookingsite.web.middleware.EveryAnswer",
    "bookingsite.web.middleware.RequestContext",
    "bookingsite.web.api_requests.OnlyEncrypted",
    "django.middleware.security.SecurityMiddleware",
    "bookingsite.web.bodies.WholeBodies",
    "bookingsite.web.hosts.OwnHost",
    "bookingsite.web.api_requests.HeadersOnce",
    "bookingsite.web.middleware.Bounds",
    "bookingsite.web.api_requests.SlashOrNone",
    "bookingsite.web.unavailable.DatabasePatience",
]
MIDDLEWARE = [
    "bookingsite.web.chains.ByAddress",
    "bookingsite.web.middleware.EveryAnswer",
    "bookingsite.web.middleware.RequestContext",
    "bookingsite.web.cors.Cors",
    "django.middleware.security.SecurityMiddleware",
    "bookingsite.web.bodies.WholeBodies",
    "bookingsite.web.hosts.OwnHost",
    "bookingsite.web.middleware.Bounds",
    "bookingsite.web.unavailable.DatabasePatience",
    "bookingsite.web.unavailable.OutagePages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bookingsite.web.hosts.CommonForHosts",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "bookingsite.web.second_factor.SecondFactor",
    "bookingsite.web.middleware.IdleLogout",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"office": "bookings.office.tags"},
        },
    }
]

CELL, CELLS = cells.cell(), cells.addresses()
DATABASES = {"default": database()}
if (_replica := replica(of=DATABASES["default"])) is not None:
    DATABASES["replica"] = _replica
DATABASE_ROUTERS = ["bookings.db.replica.Router"]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "bookingsite.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# Not below var/, which is mounted empty in a container.
STATIC_ROOT = BASE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# The largest body, and so the most that a client can make a thread hold.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

# Staff who leave their desk are logged out after half an hour; see IdleLogout.
SESSION_COOKIE_AGE = 30 * 60
# And after so many hours whatever they do: what was stolen, or left open, ends with the shift.
STAFF_SESSION_HOURS = whole_number("STAFF_SESSION_HOURS", default=12, low=1, high=168)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "bookings.office.site.csrf_failure"
# Staff of these groups prove themselves by a second factor as well; *: all of them.
STAFF_SECOND_FACTOR_GROUPS = names("STAFF_SECOND_FACTOR_GROUPS")
# Wrong codes are counted for each user, see `bookings.office.access.second_factor`, and not for each of its apps.
OTP_TOTP_THROTTLE_FACTOR = 0
# What passkeys are made for: a host name of this service, or a domain above it. Browsers know it, and no address.
PASSKEY_DOMAIN = passkey_domain("PASSKEY_DOMAIN", hosts=ALLOWED_HOSTS, development=DEBUG)
# Where staff log in once for all systems of their company, by OpenID Connect; none without an issuer.
OIDC_ISSUER = issuer("OIDC_ISSUER", development=DEBUG)
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = secret("OIDC_CLIENT_SECRET")
OIDC_SCOPES = env.str("OIDC_SCOPES", default="") or "openid profile email"
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="") or "groups"
OIDC_GROUPS = pairs("OIDC_GROUPS")
OIDC_CREATE_ACCOUNTS = yes_or_no("OIDC_CREATE_ACCOUNTS", default=False)
OIDC_LINK_BY_EMAIL = yes_or_no("OIDC_LINK_BY_EMAIL", default=False)
OIDC_IS_SECOND_FACTOR = yes_or_no("OIDC_IS_SECOND_FACTOR", default=False)
# A link that a supervisor has made for a new password.
PASSWORD_RESET_TIMEOUT = 3600
# Where a log-in leads that names no page of ours.
LOGIN_REDIRECT_URL = "admin:index"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

if not DEBUG:
    if PROXY_HOPS:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = yes_or_no("SECURE_SSL_REDIRECT", default=True)
    # Health checks and scrapes come from inside, without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$", r"^webhooks(/|$)"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # A browser takes these names from this host alone, over TLS, for all paths.
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"

SILENCED_SYSTEM_CHECKS = [
    "models.W037",  # django-q2's own conditional index; MariaDB has none, and that one is only for speed
]

# --- background work -----------------------------------------------------------------------------------

# Where run_worker shows what its processes count; 0: nowhere.
WORKER_METRICS_PORT = whole_number("WORKER_METRICS_PORT", default=0, low=0, high=65535)
WORKER_METRICS_HOST = env.str("WORKER_METRICS_HOST", default="") or "127.0.0.1"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # django-q2's own statistics must be seen by other processes.
    "cluster": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": BASE_DIR / "var" / "cluster",
    },
}

Q_CLUSTER = queue.CLUSTER

# --- API -----------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bookings.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["bookings.api.access.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["bookings.api.access.WithinLimit"],
    "DEFAULT_PARSER_CLASSES": ["bookings.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "bookings.api.negotiation.Negotiation",
    "DEFAULT_METADATA_CLASS": "bookings.api.metadata.DocumentedElsewhere",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "bookings.api.errors.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Flight Booking Service",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    # What is changed by a PATCH is optional by itself.
    "COMPONENT_SPLIT_PATCH": False,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["bookings.api.schema.complete"],
    # A text is written into the page's script as it is; the plugin stands in docs.js.
    "SWAGGER_UI_SETTINGS": "{deepLinking: true, defaultModelsExpandDepth: 0, plugins: [FoldedRefusals]}",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- traces --------------------------------------------------------------------------------------------

# Traces are continued, passed on and logged either way; this has them collected as well, by bookingsite.telemetry.
OTEL_ENABLED = tracing_wanted("OTEL_ENABLED")

# --- logs ----------------------------------------------------------------------------------------------

LOG_FORMAT = one_of("LOG_FORMAT", default="console" if DEBUG else "json", choices=("console", "json"))
LOG_LEVEL = one_of("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING_CONFIG = None
LOGGING = logs.configure(LOG_FORMAT, level=LOG_LEVEL)
