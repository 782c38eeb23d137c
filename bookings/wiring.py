"""Chooses the implementations that the settings name. Only entry points call it."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from bookings.conf import WORKER_CALL_SECONDS
from bookings.gateways.cells.lists import HttpCells
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.gateways.identity_provider.openid import OpenIdProvider
from bookings.gateways.messages.backend import BackendMail, MailBackend
from bookings.gateways.messages.folder import FolderMail, FolderSms
from bookings.gateways.messages.smtp import MailServer, SmtpMail
from bookings.gateways.messages.twilio import TwilioAccount, TwilioSms
from bookings.gateways.payments.stripe.account import Account
from bookings.gateways.rate_limits.database import DatabaseRateLimiter
from bookings.gateways.user_service.signing_keys import AnyOf, SharedSecrets, key_set_from
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.ports import CellKeys, FlightService, IdentityProvider, Passkeys, PaymentGateway, RateLimiter, SigningKeys
from bookings.ports.cells import OtherCells
from bookings.ports.messages import Mail, MessageChannel, Sms
from bookings.ports.webhooks import Webhooks
from bookings.services.shared.sealing import Seal
from bookings.text.cells import ONLY_ONE


@cache
def flight_service() -> FlightService:
    """The Flight Service of this process: made at first use; each thread has connections of its own."""
    if settings.FLIGHT_SERVICE_KEYED:
        return HttpFlightService(
            settings.FLIGHT_SERVICE_URL,
            own_words=settings.FLIGHT_SERVICE_REFUSAL_CODES,
            price_seconds=settings.FLIGHT_PRICE_SECONDS,
        )
    return UnkeyedFlights(
        HttpFlightService(
            settings.FLIGHT_SERVICE_URL,
            keep_alive=False,
            change_seconds=WORKER_CALL_SECONDS,
            own_words=settings.FLIGHT_SERVICE_REFUSAL_CODES,
        ),
        counter=Counter(settings.FLIGHT_SERVICE_COUNTER),
        settle=timedelta(seconds=settings.FLIGHT_SERVICE_SETTLE_SECONDS),
        at_once=settings.FLIGHT_SERVICE_CHANGES_AT_ONCE,
    )


@cache
def signing_keys() -> SigningKeys:
    """The keys of customers' tokens; of a small installation its secrets, of others the user service's key set."""
    sources: list[SigningKeys] = []
    if settings.JWT_SECRETS:
        sources.append(SharedSecrets(settings.JWT_SECRETS))
    if settings.JWT_JWKS:
        sources.append(key_set_from(settings.JWT_JWKS))
    return AnyOf(sources)


@cache
def identity_provider() -> IdentityProvider:
    """Where staff log in once for all systems; only where the settings name it."""
    return OpenIdProvider(
        settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        scopes=settings.OIDC_SCOPES,
    )


@cache
def passkeys() -> Passkeys:
    """What verifies the passkeys of staff."""
    # By its name: the package takes 4 MB of each process, and many installations have no passkeys.
    verifier: Passkeys = import_string("bookings.gateways.passkeys.webauthn.WebAuthn")(
        settings.PASSKEY_DOMAIN, called="Flight bookings"
    )
    return verifier


@cache
def rate_limiter() -> RateLimiter:
    """What counts requests for all processes together."""
    database = DatabaseRateLimiter()
    if not settings.REDIS_URL:
        return database
    # By its name: the package takes 8 MB of each process, and most installations have no Redis.
    over_redis = import_string("bookings.gateways.rate_limits.redis.RedisRateLimiter")
    limiter: RateLimiter = over_redis(settings.REDIS_URL, otherwise=database)
    return limiter


@cache
def cell_keys() -> CellKeys | None:
    """What remembers which cell has a client's key; none where there is only one cell."""
    if settings.CELL == ONLY_ONE:
        return None
    # By its name, as above.
    over_redis: CellKeys = import_string("bookings.gateways.cells.redis_keys.RedisCellKeys")(settings.REDIS_URL)
    return over_redis


@cache
def other_cells() -> OtherCells | None:
    """What reads lists of other cells; none where there is only one cell."""
    return HttpCells(settings.CELLS) if settings.CELLS else None


@cache
def webhooks() -> Webhooks:
    """What sends webhooks to the addresses that clients have named."""
    return HttpWebhooks(
        ports=settings.WEBHOOK_PORTS,
        private=settings.WEBHOOK_PRIVATE_NETWORKS,
        ca_file=settings.WEBHOOK_CA_FILE,
        proxy=settings.WEBHOOK_PROXY,
    )


@cache
def mail() -> MessageChannel[Mail] | None:
    """What carries mails to travelers; none where the settings name none."""
    if not settings.MAIL_SERVER:
        return None
    if isinstance(settings.MAIL_SERVER, MailBackend):
        return BackendMail(settings.MAIL_SERVER, sender=settings.MAIL_FROM, reply_to=settings.MAIL_REPLY_TO)
    if not isinstance(settings.MAIL_SERVER, MailServer):
        return FolderMail(settings.MAIL_FOLDER, sender=settings.MAIL_FROM, reply_to=settings.MAIL_REPLY_TO)
    return SmtpMail(
        settings.MAIL_SERVER,
        sender=settings.MAIL_FROM,
        reply_to=settings.MAIL_REPLY_TO,
        ca_file=settings.MAIL_CA_FILE,
    )


@cache
def sms() -> MessageChannel[Sms] | None:
    """What carries SMS to travelers; none where the settings name none."""
    if not settings.SMS_SERVICE:
        return None
    if not isinstance(settings.SMS_SERVICE, TwilioAccount):
        return FolderSms(settings.MAIL_FOLDER)
    return TwilioSms(settings.SMS_SERVICE, sender=settings.SMS_FROM)


@cache
def seal() -> Seal:
    """What seals secrets in the database; it has no key where the settings name none."""
    return Seal(settings.SEAL_KEYS)


def bare_flight_service() -> FlightService:
    """The Flight Service as it is, whatever the settings say about its keys: for `doctor`, which tries them."""
    return HttpFlightService(settings.FLIGHT_SERVICE_URL, own_words=settings.FLIGHT_SERVICE_REFUSAL_CODES)


@cache
def payment_gateway() -> PaymentGateway:
    """What takes the money of new payments."""
    return payment_gateways()[settings.PAYMENT_GATEWAY]


@cache
def payment_gateways() -> Mapping[str, PaymentGateway]:
    """All that take money, or have taken some, by their names: a payment is asked about and refunded where it is."""
    made: dict[str, PaymentGateway] = {}
    for name, path in settings.PAYMENT_GATEWAYS.items():
        if name != "stripe":
            made[name] = import_string(path)()
        elif settings.STRIPE_API_KEY:
            # By its name, and with an account alone: Stripe's library takes 14 MB of a process, and 0.4 s of its start.
            made[name] = import_string(path)(_stripe_account())
    return made


def _installation() -> str:
    """What this installation is called at a payment gateway, which all cells may share."""
    host = str(settings.ALLOWED_HOSTS[0])
    return host if settings.CELL == ONLY_ONE else f"{host} {settings.CELL}"


def _stripe_account() -> Account:
    return Account(
        api_key=settings.STRIPE_API_KEY,
        publishable_key=settings.STRIPE_PUBLISHABLE_KEY,
        webhook_secrets=settings.STRIPE_WEBHOOK_SECRETS,
        url=settings.STRIPE_API_URL,
        methods=settings.STRIPE_METHODS,
        return_url=settings.PAYMENT_RETURN_URL,
        installation=_installation(),
    )
