"""Django's settings. What varies between two installations comes through `env`."""

import sys

from django.core.exceptions import ImproperlyConfigured

from bookingsite import logs
from bookingsite.env import BASE_DIR, base_address, database, env, one_of, required_unless, whole_number

VERSION = "0.1.0"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = required_unless(DEBUG, "SECRET_KEY", "for development only: not a secret, and refused in production")
ALLOWED_HOSTS = [
    host.strip()
    for host in required_unless(DEBUG, "ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver").split(",")
]

API_AUTH = one_of("API_AUTH", default="open" if DEBUG else "token", choices=("open", "token"))
if API_AUTH == "token":
    raise ImproperlyConfigured(
        "API_AUTH=token needs bearer tokens, which this version cannot verify yet. Behind a gateway that "
        "authenticates its callers, set API_AUTH=open: every caller is then trusted."
    )
if not DEBUG:
    sys.stderr.write("warning: API_AUTH=open, so every caller of the API is trusted to name its userId.\n")

# --- bookings ------------------------------------------------------------------------------------------

FLIGHT_SERVICE_URL = base_address("FLIGHT_SERVICE_URL", default="http://127.0.0.1:8001")
FLIGHT_SERVICE_KEYED = env.bool("FLIGHT_SERVICE_KEYED", default=True)
if not FLIGHT_SERVICE_KEYED:
    raise ImproperlyConfigured(
        "FLIGHT_SERVICE_KEYED=false: this version needs a Flight Service that honours Idempotency-Key."
    )
PAYMENT_WINDOW_SECONDS = whole_number("PAYMENT_WINDOW_SECONDS", default=900, low=1, high=7 * 24 * 3600)
EXPIRY_INTERVAL_SECONDS = whole_number("EXPIRY_INTERVAL_SECONDS", default=10, low=1, high=60)
MAX_SEATS_PER_BOOKING = whole_number("MAX_SEATS_PER_BOOKING", default=10, low=1, high=1000)
PAYMENT_GATEWAY = {"instant": "bookings.gateways.payments.instant.InstantPayments"}[
    one_of("PAYMENT_GATEWAY", default="instant", choices=("instant",))
]

# --- Django --------------------------------------------------------------------------------------------

ROOT_URLCONF = "bookingsite.urls"
WSGI_APPLICATION = "bookingsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "bookings",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "bookingsite.middleware.RequestContext",
    "bookingsite.middleware.ApiAnswersInJson",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
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
            ]
        },
    }
]

DATABASES = {"default": database()}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
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

if not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    # Health checks and scrapes come from inside, without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

SILENCED_SYSTEM_CHECKS = [
    "models.W037",  # django-q2's own conditional index; MariaDB has none, and that one is only for speed
]

# --- background work -----------------------------------------------------------------------------------

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # django-q2's own statistics must be seen by other processes.
    "cluster": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": BASE_DIR / "var" / "cluster",
    },
}

Q_CLUSTER = {
    "name": "bookings",
    "label": "Background work",
    "orm": "default",
    "broker_class": "bookingsite.broker.TickingBroker",
    # A small prefetch: it stops fast, and `retry` counts from the prefetch.
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "poll": 0.5,
    "guard_cycle": 1,
    # Never fires, as calls are bounded; `retry` is more than two of them and a margin.
    "timeout": 60,
    "retry": 300,
    # Our own tables decide what is tried again.
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "time_zone": "UTC",
    "save_limit": 200,
    "save_limit_per": "func",
    "recycle": 500,
    "max_rss": 300_000,
    "cache": "cluster",
}

# --- API -----------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bookings.api.authentication.OpenAccess"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["bookings.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
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
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {"BookingStatus": "bookings.lifecycle.BookingStatus"},
}

# --- logs ----------------------------------------------------------------------------------------------

LOG_FORMAT = one_of("LOG_FORMAT", default="console" if DEBUG else "json", choices=("console", "json"))
LOGGING_CONFIG = None
LOGGING = logs.configure(LOG_FORMAT, level=env.str("LOG_LEVEL", default="INFO"))
