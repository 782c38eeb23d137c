"""New passwords of staff: by a link that a supervisor hands over, good once and for an hour, or by the old one."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bookings.db.transactions import in_transaction
from bookings.models.access.staff_log_in import LogInEventKind, Proof
from bookings.services.access.log_ins import Visit, note
from bookings.services.access.second_factor import remove_all


class MayNotReset(Exception):
    """This link is not made; the message says why, for the page."""


class LinkUsed(Exception):
    """The link was used, or its hour is over."""


def make_reset_link(person: Any, *, by: Any, removes_factors: bool, visit: Visit) -> tuple[str, str]:
    """
    Make a link by which a member of staff sets a new password; return its two parts, which cannot be had again.

    Its second factors stay, unless they shall go too; the connection with single sign-on goes with them. A log-in of
    the user, and a new password, end the link.

    :raises MayNotReset: if the link would give more rights than its maker has, or none
    """
    if person.pk == by.pk:
        raise MayNotReset("own")
    if not (person.is_active and person.is_staff and person.has_usable_password()):
        raise MayNotReset("no password")
    has_more = not person.get_all_permissions() <= by.get_all_permissions()
    if not by.is_superuser and (person.is_superuser or has_more):
        raise MayNotReset("rights")
    _make(person, removes_factors=removes_factors, visit=visit)
    return urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)


@in_transaction("password.link")
def _make(person: Any, *, removes_factors: bool, visit: Visit) -> None:
    _locked(person.pk)
    note(person, LogInEventKind.LINK_MADE, visit=visit)
    if removes_factors:
        remove_all(person)
        note(person, LogInEventKind.FACTOR_REMOVED, visit=visit)


@in_transaction("password.set")
def set_password(person_id: int, token: str, *, password: str, visit: Visit) -> None:
    """
    Set the password that was typed behind a link. All sessions of the user end; it is not logged in.

    :raises LinkUsed: if the link was used meanwhile, or is too old, or its user may not come in any more
    """
    person = _locked(person_id)
    if person is None or not default_token_generator.check_token(person, token):
        raise LinkUsed
    if not (person.is_active and person.is_staff):
        raise LinkUsed
    _set(person, password, visit=visit, proof=Proof.LINK)


@in_transaction("password.change")
def change_password(user: Any, *, password: str, visit: Visit) -> Any:
    """Set a user's password, who has shown the old one; return the user as it is then. All its sessions end."""
    person = _locked(user.pk)
    _set(person, password, visit=visit, proof=Proof.PASSWORD)
    return person


def _set(person: Any, password: str, *, visit: Visit, proof: Proof) -> None:
    person.set_password(password)
    person.save(update_fields=["password"])
    note(person, LogInEventKind.PASSWORD_SET, visit=visit, proof=proof)


def _locked(person_id: int) -> Any:
    return get_user_model()._default_manager.select_for_update().filter(pk=person_id).first()
