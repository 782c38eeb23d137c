"""Seal secrets and contacts of endpoints once more, with the newest key of this installation."""

from bookings.db.transactions import in_transaction
from bookings.models import WebhookEndpoint
from bookings.models.webhooks import EndpointState
from bookings.services.shared.sealing import Seal


def reseal_secrets(*, seal: Seal) -> int:
    """
    Seal with the newest key what an older one has sealed; return of how many endpoints.

    :raises CannotOpen: if there is a secret that no key opens
    """
    ids = WebhookEndpoint.objects.exclude(state=EndpointState.RETIRED).order_by("pk").values_list("pk", flat=True)
    return sum(_reseal(endpoint_id, seal=seal) for endpoint_id in ids)


@in_transaction("endpoint.reseal")
def _reseal(endpoint_id: int, *, seal: Seal) -> bool:
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    is_old = False
    # A secret stays where it is when it becomes the previous one.
    for column, place_of in (("secret", "secret"), ("previous_secret", "secret"), ("contact_email", "contact_email")):
        sealed, place = getattr(endpoint, column), endpoint.place_of(place_of)
        if sealed and seal.is_old(bytes(sealed)):
            setattr(endpoint, column, seal.seal(seal.open(bytes(sealed), place=place), place=place))
            is_old = True
    if is_old:
        endpoint.save(update_fields=["secret", "previous_secret", "contact_email"])
    return is_old
