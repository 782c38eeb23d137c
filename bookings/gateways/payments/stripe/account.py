"""The account at Stripe that payments go to. Loads nothing of Stripe's library."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to be paid into an account at Stripe. Keys and secrets are not shown by its `repr`."""

    api_key: str = field(repr=False)
    publishable_key: str = field(repr=False)
    webhook_secrets: Sequence[str] = field(repr=False)
    url: str
    # By what people may pay, in Stripe's words.
    methods: Sequence[str]
    # Where a payer comes back to from the page of a bank; {reference} becomes the booking's.
    return_url: str
    # Which installation of this service has made a payment: several may use one account.
    installation: str
