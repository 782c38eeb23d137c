"""
Where payment gateways ring: outside of /api, without tokens, sessions and forms. The signature says who it is.

A gateway repeats what was not answered 200, for days; so nothing here ends in a 500, and 503 says "again, later".
"""

import structlog
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bookings import wiring
from bookings.conf import RETRY_AFTER_SECONDS
from bookings.errors import TemporarilyUnavailable
from bookings.observability import metrics
from bookings.ports import NotGenuine
from bookings.services.payments.receive_notice import receive_notice

log = structlog.get_logger(__name__)


@csrf_exempt  # the signature is what a forged form cannot have
@require_POST
def receive(request: HttpRequest, gateway: str) -> HttpResponse:
    """Take one notice of a gateway: 200 once it is kept, 400 if it is not genuine. The body never gets further."""
    port = wiring.payment_gateways().get(gateway)
    if port is None:
        return _said(404, "There is no such gateway.")
    try:
        # Bounded by `WholeBodies`; the framework's own bound is that of /api.
        notice = port.read_notice(request.read(), request.headers)
        receipt = receive_notice(notice, gateway=gateway)
    except NotGenuine as refusal:
        metrics.NOTICES.labels("not_genuine").inc()
        log.warning("notice.not_genuine", item=gateway, reason=str(refusal))
        return _said(400, "This is not a genuine notice.")
    except (Error, TemporarilyUnavailable) as error:
        log.error("notice.database_unavailable", exc_info=error)
        return _later()
    except Exception:
        # A fault of ours, which may be repaired before the gateway gives up: it must repeat this one.
        log.exception("notice.not_kept", item=gateway)
        return _later()
    metrics.NOTICES.labels(receipt).inc()
    return _said(200, receipt)


@csrf_exempt
def unknown(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer an address under /webhooks that is none."""
    return _said(404, "There is nothing at this address.")


def _later() -> HttpResponse:
    metrics.NOTICES.labels("unavailable").inc()
    answer = _said(503, "Not now. Send it again later.")
    answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _said(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain")
