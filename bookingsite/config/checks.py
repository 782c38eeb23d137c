"""
Settings that are each allowed, and together wrong or unsafe: system checks of Django, each with an id.

What is wrong (`E`) keeps every process from starting; `manage.py check --deploy` names all, with what to do.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from bookings.gateways.messages.backend import MailBackend
from bookings.gateways.messages.twilio import TwilioAccount
from bookings.text.money import NO_CURRENCY
from bookingsite.config.env import env, is_plaintext
from bookingsite.config.mail import is_mail_plain
from bookingsite.config.payments import is_live


def register() -> None:
    """Let Django run the checks: the first two at the start of each command, the last for production alone."""
    for check in (wrong_together, unsafe):
        checks.register(check, checks.Tags.security)
    checks.register(unwise, checks.Tags.security, deploy=True)


def refuse_what_is_wrong() -> None:
    """
    End the start of a process that is no command.

    :raises ImproperlyConfigured: if settings are wrong together
    """
    for message in wrong_together():
        raise ImproperlyConfigured(f"{message.id}: {message.msg} {message.hint}")


def wrong_together(**_: Any) -> list[CheckMessage]:
    """Find what no process may start with."""
    return list(_wrong_together())


def _wrong_together() -> Iterator[CheckMessage]:
    if (settings.JWT_SECRETS or settings.JWT_JWKS) and not settings.JWT_ISSUER:
        yield checks.Error(
            "JWT_ISSUER is not set, and tokens are verified by JWT_SECRET or JWT_JWKS.",
            hint="Set it to what the user service writes into `iss`.",
            id="bookings.E001",
        )
    if 0 < settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT < settings.MAX_SEATS_PER_BOOKING:
        yield checks.Error(
            "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT is less than MAX_SEATS_PER_BOOKING: the largest booking would "
            "never be made.",
            hint="Make it 0 (no cap), or at least as many.",
            id="bookings.E002",
        )
    if settings.PAYMENT_GATEWAY == "demo" and not settings.DEBUG:
        yield checks.Error(
            "PAYMENT_GATEWAY=demo takes no money, and DEBUG is false.",
            hint="Name another payment gateway; this one is for trying things out.",
            id="bookings.E003",
        )
    if settings.OIDC_ISSUER and not (settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET):
        yield checks.Error(
            "OIDC_ISSUER is set, and OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is not.",
            hint="Set both to what the identity provider has given this service, or remove OIDC_ISSUER.",
            id="bookings.E004",
        )
    if settings.OIDC_CREATE_ACCOUNTS and not settings.OIDC_GROUPS:
        yield checks.Error(
            "OIDC_CREATE_ACCOUNTS=true without OIDC_GROUPS: every person of the identity provider would be staff here.",
            hint="Name the provider's groups whose members work here, as in OIDC_GROUPS=bookings-desk=Support.",
            id="bookings.E005",
        )
    if settings.WEBHOOK_PROXY and settings.WEBHOOK_PRIVATE_NETWORKS:
        yield checks.Error(
            "WEBHOOK_PROXY with WEBHOOK_PRIVATE_NETWORKS: behind a proxy it is the proxy that looks names up, and "
            "these networks would open nothing.",
            hint="Remove one of them; which addresses inside may be reached is set at the proxy.",
            id="bookings.E012",
        )
    yield from _wrong_with_messages()
    yield from _wrong_with_stripe()


def _wrong_with_messages() -> Iterator[CheckMessage]:
    """What keeps travelers from being told."""
    if settings.MAIL_SERVER and not settings.MAIL_FROM:
        yield checks.Error(
            "EMAIL_URL is set, and MAIL_FROM is not: a mail is from no one.",
            hint="Set it to an address that this server may send from, as in Flight bookings <bookings@example.org>.",
            id="bookings.E013",
        )
    if settings.MAIL_SERVER and not settings.SEAL_KEYS:
        yield checks.Error(
            "EMAIL_URL is set, and SEAL_KEYS is not: addresses of travelers would be kept as anyone can read them.",
            hint="Set it to 32 random bytes in base64, and keep it apart from backups of the database.",
            id="bookings.E014",
        )
    if isinstance(settings.MAIL_SERVER, MailBackend) and not _is_there(settings.MAIL_SERVER.path):
        yield checks.Error(
            f"EMAIL_URL names {settings.MAIL_SERVER.path}, which cannot be imported.",
            hint="Install the package that it comes from, and all that it needs; see docs/messages.md.",
            id="bookings.E015",
        )
    if settings.SMS_SERVICE and not settings.MAIL_SERVER:
        yield checks.Error(
            "SMS_URL is set, and EMAIL_URL is not: an SMS goes beside a mail, and says only what is urgent.",
            hint="Set EMAIL_URL, or remove SMS_URL.",
            id="bookings.E016",
        )
    if isinstance(settings.SMS_SERVICE, TwilioAccount) and not settings.SMS_FROM:
        yield checks.Error(
            "SMS_URL is set, and SMS_FROM is not: an SMS is from no one.",
            hint="Set it to a number of that account, or to a messaging service of it.",
            id="bookings.E017",
        )


def _is_there(path: str) -> bool:
    try:
        import_string(path)
    except (ImportError, ImproperlyConfigured):
        return False
    return True


def _wrong_with_stripe() -> Iterator[CheckMessage]:
    keys = [key for key in (settings.STRIPE_API_KEY, settings.STRIPE_PUBLISHABLE_KEY) if key]
    live = {is_live(key) for key in keys}
    if settings.PAYMENT_GATEWAY == "stripe" and not (len(keys) == 2 and settings.STRIPE_WEBHOOK_SECRETS):
        yield checks.Error(
            "PAYMENT_GATEWAY=stripe, and STRIPE_API_KEY, STRIPE_PUBLISHABLE_KEY or STRIPE_WEBHOOK_SECRET is not set.",
            hint="Set all three: docs/payments.md says where Stripe shows them.",
            id="bookings.E006",
        )
    if True in live and settings.DEBUG:
        yield checks.Error(
            "DEBUG=true with a live key of Stripe's: a page for trying things out would move money.",
            hint="Use test keys (they have _test_ in them) on a development machine.",
            id="bookings.E007",
        )
    if len(live) > 1 or (True in live and settings.PAYMENT_TEST_MODE):
        yield checks.Error(
            "Live and test mode of Stripe are mixed: STRIPE_API_KEY, STRIPE_PUBLISHABLE_KEY and PAYMENT_TEST_MODE.",
            hint="Take both keys of one mode; PAYMENT_TEST_MODE=true goes with test keys alone.",
            id="bookings.E008",
        )
    if False in live and not (settings.PAYMENT_TEST_MODE or settings.DEBUG):
        yield checks.Error(
            "A test key of Stripe's, and PAYMENT_TEST_MODE is not set: bookings would be paid for without money.",
            hint="Set the live keys; or PAYMENT_TEST_MODE=true, where that is meant.",
            id="bookings.E009",
        )
    if settings.PAYMENT_GATEWAY == "stripe" and settings.CURRENCY == NO_CURRENCY:
        yield checks.Error(
            "PAYMENT_GATEWAY=stripe, and CURRENCY is not set: nothing can be paid in no currency.",
            hint="Set CURRENCY to what flights are priced in, as in EUR.",
            id="bookings.E010",
        )
    if settings.STRIPE_METHODS != ["card"] and not settings.PAYMENT_RETURN_URL:
        yield checks.Error(
            "STRIPE_METHODS has ways to pay that lead to another page, and PAYMENT_RETURN_URL is not set.",
            hint="Set it to the page of your shop that a payer comes back to.",
            id="bookings.E011",
        )


def unsafe(**_: Any) -> list[CheckMessage]:
    """Find what an operator must have meant: said at the start of each command."""
    return [] if settings.DEBUG else list(_unsafe())


def _unsafe() -> Iterator[CheckMessage]:
    if is_plaintext(settings.FLIGHT_SERVICE_URL, meant_for=settings.FLIGHT_SERVICE_PLAINTEXT_HOST):
        yield checks.Warning(
            "FLIGHT_SERVICE_URL has http://: prices and seats can be read and changed on their way.",
            hint="Use https://, or name the host in FLIGHT_SERVICE_PLAINTEXT_HOST if that is meant.",
            id="bookings.W001",
        )
    if settings.API_AUTH == "open":
        yield checks.Warning(
            "API_AUTH=open: every client is trusted to name its userId.",
            hint="Set API_AUTH=token, unless a gateway in front authenticates and nothing goes around it.",
            id="bookings.W002",
        )
    if settings.PAYMENT_GATEWAY == "instant":
        yield checks.Warning(
            "PAYMENT_GATEWAY=instant: each payment succeeds at once, and no one pays.",
            hint="Set PAYMENT_GATEWAY=stripe, with an account as docs/payments.md says.",
            id="bookings.W006",
        )
    if settings.PAYMENT_TEST_MODE:
        yield checks.Warning(
            "PAYMENT_TEST_MODE=true: payments move no money.",
            hint="Remove it, and set the live keys of the account, before people shall pay.",
            id="bookings.W007",
        )
    if is_mail_plain(settings.MAIL_SERVER):
        yield checks.Warning(
            "EMAIL_URL has smtp+plain://: mails can be read on their way to the mail server.",
            hint="Use smtp:// or smtps://; a mail server on this machine is meant without.",
            id="bookings.W008",
        )
    if env.str("DATABASE_REPLICA_URL", default="") and "replica" not in settings.DATABASES:
        yield checks.Warning(
            "DATABASE_REPLICA_URL names the database of DATABASE_URL, so it is not used.",
            hint="Remove it, or name a replica.",
            id="bookings.W003",
        )


def unwise(**_: Any) -> list[CheckMessage]:
    """Find what is not for production."""
    return [] if settings.DEBUG else list(_unwise())


def _unwise() -> Iterator[CheckMessage]:
    if settings.SECURE_SSL_REDIRECT and not settings.PROXY_HOPS:
        yield checks.Warning(
            "PROXY_HOPS=0 with SECURE_SSL_REDIRECT=true: what a proxy passes on is redirected to HTTPS without end, "
            "or refused.",
            hint="Set PROXY_HOPS to the number of your proxies in front; SECURE_SSL_REDIRECT=false if there is none.",
            id="bookings.W004",
        )
    if settings.DATABASES["default"]["ENGINE"].endswith(".sqlite3"):
        yield checks.Warning(
            "DATABASE_URL names SQLite: one machine, and one writer at a time.",
            hint="Take MariaDB for production, DATABASE_URL=mysql://user:password@host:3306/name, or PostgreSQL.",
            id="bookings.W005",
        )
