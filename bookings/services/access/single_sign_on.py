"""Whose account a log-in at the identity provider opens, and in which groups that account is."""

import hashlib
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from bookings.conf import single_sign_on
from bookings.db.transactions import in_transaction
from bookings.models import StaffIdentity
from bookings.models.access.staff_log_in import LogInEventKind, Proof
from bookings.ports import Identity
from bookings.services.access.log_ins import Visit, note

LONGEST_NAME = 150
# What providers write into `amr` where a person has shown a second factor (RFC 8176).
SECOND_FACTOR = "mfa"


class NoAccount(Exception):
    """This identity opens no account here; the message says why, for the log and the page."""


def has_shown_second_factor(identity: Identity) -> bool:
    """Tell whether the provider has asked for a second factor, as it says itself or as the settings say of it."""
    methods = identity.claims.get("amr")
    return single_sign_on().is_second_factor or (isinstance(methods, list) and SECOND_FACTOR in methods)


def user_for(identity: Identity, *, visit: Visit) -> Any:
    """
    Find the account of an identity, and put it into the groups that the provider names.

    An account is found by the provider's own name for a person alone, never by an address or a name. The settings may
    say that a verified e-mail address finds one the first time, but no superuser's, or that one is made.

    :raises NoAccount: if there is none, or it may not come in
    """
    user, why_not = _find(identity, visit=visit)
    if why_not:
        raise NoAccount(why_not)
    return user


@in_transaction("single_sign_on.find")
def _find(identity: Identity, *, visit: Visit) -> tuple[Any, str]:
    """Find or make the account, and say why it may not come in. Who is in no group any more leaves those it was in."""
    rules, groups = single_sign_on(), _groups_named_by(identity)
    row = StaffIdentity.objects.select_related("user").filter(identity_hash=_hash_of(identity)).first()
    user = row.user if row is not None else None
    if user is None and rules.links_by_email:
        user = _user_with_email(identity)
    if user is None and rules.creates_accounts:
        user = _new_user(identity, groups)
    if user is None:
        return None, "no account is connected with it"
    if rules.groups:
        _set_groups(user, groups)
    if rules.groups and not groups:
        return None, "it is in no group of the settings"
    if not (user.is_active and user.is_staff):
        return None, "its account may not come in"
    if row is None:
        _connect(user, identity, visit=visit)
    return user, ""


@in_transaction("single_sign_on.connect")
def connect(user: Any, identity: Identity, *, visit: Visit) -> None:
    """
    Let an identity open this account from now on, as its user asks for.

    :raises NoAccount: if it opens another account already
    """
    row = StaffIdentity.objects.filter(identity_hash=_hash_of(identity)).first()
    if row is None:
        _connect(user, identity, visit=visit)
    elif row.user_id != user.pk:
        raise NoAccount("it is connected with another account")


@in_transaction("single_sign_on.disconnect")
def disconnect(user: Any, *, visit: Visit) -> None:
    """Let no identity open this account any more. Its sessions and its password stay as they are."""
    deleted, _ = StaffIdentity.objects.filter(user=user).delete()
    if deleted:
        note(user, LogInEventKind.FACTOR_REMOVED, visit=visit, proof=Proof.SINGLE_SIGN_ON)


def _connect(user: Any, identity: Identity, *, visit: Visit) -> None:
    StaffIdentity(user=user, issuer=identity.issuer, identity_hash=_hash_of(identity)).save()
    note(user, LogInEventKind.FACTOR_ADDED, visit=visit, proof=Proof.SINGLE_SIGN_ON)


def _hash_of(identity: Identity) -> str:
    # Exact to the byte, which the collation of the database is not.
    return hashlib.sha256(f"{identity.issuer}\n{identity.subject}".encode()).hexdigest()


def _user_with_email(identity: Identity) -> Any:
    email = identity.claims.get("email")
    is_address = isinstance(email, str) and email and email.isprintable()
    if identity.claims.get("email_verified") is not True or not is_address:
        return None
    people = get_user_model()._default_manager.filter(is_superuser=False, email__iexact=email)
    # To the database an address with an accent, or with a letter that looks alike, is the one without.
    unconnected = people.exclude(staff_identities__issuer=identity.issuer)
    found = [user for user in unconnected if _is_same(user.email, str(email))]
    return found[0] if len(found) == 1 else None


def _is_same(address: str, other: str) -> bool:
    """Whether these are one address: only the letters A to Z may be of another size."""
    return address.encode().lower() == other.encode().lower()


def _new_user(identity: Identity, groups: set[str]) -> Any:
    name = identity.claims.get("preferred_username")
    if not groups:
        raise NoAccount("it is in no group of the settings")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise NoAccount("the provider names no preferred_username")
    people: Any = get_user_model()._default_manager
    if people.filter(username__iexact=name).exists():
        raise NoAccount("an account of its name is there already, and not connected with it")
    return people.create_user(username=name, is_staff=True)  # without a password


def _groups_named_by(identity: Identity) -> set[str]:
    rules = single_sign_on()
    named = identity.claims.get(rules.groups_claim)
    words = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return {rules.groups[word] for word in words if isinstance(word, str) and word in rules.groups}


def _set_groups(user: Any, names: set[str]) -> None:
    """Put a user into these groups, and out of the others that the settings name."""
    governed = set(single_sign_on().groups.values())
    rows = {group.name: group for group in Group.objects.filter(name__in=governed)}
    user.groups.remove(*(row for name, row in rows.items() if name not in names))
    user.groups.add(*(row for name, row in rows.items() if name in names))
