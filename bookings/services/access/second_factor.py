"""
The second factor of staff: a code of an app, a passkey, and recovery codes for the day on which these are lost.

How often a code may be tried is counted by the caller, for each user.
"""

import hashlib
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.conf import second_factor_groups
from bookings.db.transactions import in_transaction
from bookings.models import Passkey, RecoveryCode, StaffIdentity
from bookings.models.access.staff_log_in import LogInEventKind, Proof
from bookings.services.access.log_ins import Visit, note

# A clock of a telephone may be half a minute off, in either direction.
TOLERANCE_STEPS = 1
CODE = re.compile(r"[0-9]{6}")

RECOVERY_CODES = 10
# Ten bytes in base32, without letters that look like digits: 80 bits.
RECOVERY_BYTES = 10
RECOVERY_CODE = re.compile(r"[A-Z2-7]{16}")


class WrongCode(Exception):
    """This is no code of the user that works now."""

    proof = Proof.TOTP


class WrongPassword(WrongCode):
    """This is not the password of the user."""

    proof = Proof.PASSWORD


class WrongPasskey(WrongCode):
    """This was not signed by a passkey of the user, for what was asked."""

    proof = Proof.PASSKEY


class FactorNeeded(Exception):
    """The user is in a group that must have a second factor, and this is its last one."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What a user can prove itself by besides its password."""

    apps: list[TOTPDevice]
    passkeys: list[Passkey]
    recovery_codes: int

    def __bool__(self) -> bool:
        return bool(self.apps or self.passkeys)

    def find(self, proof: str, row_id: int) -> Any:
        """Give the row of one of them; None if it is not there."""
        rows: list[Any] = {"totp": self.apps, "passkey": self.passkeys}.get(proof, [])
        return next((row for row in rows if row.pk == row_id), None)


def is_required_of(user: Any) -> bool:
    """Tell whether the settings ask for a second factor of this user. Without such a setting nothing is read."""
    groups = second_factor_groups()
    if not groups:
        return False
    return "*" in groups or bool(user.groups.filter(name__in=groups).exists())


def factors_of(user: Any) -> Factors:
    """Read what a user has set up."""
    apps = list(TOTPDevice.objects.filter(user=user, confirmed=True).order_by("pk"))
    passkeys = list(Passkey.objects.filter(user=user).defer("credential").order_by("pk"))
    return Factors(apps=apps, passkeys=passkeys, recovery_codes=RecoveryCode.objects.filter(user=user).count())


def new_key() -> str:
    """Make the secret of an app, in hex: 160 bits, as RFC 4226 asks for."""
    return secrets.token_hex(20)


def add_app(user: Any, *, key: str, code: str, visit: Visit, must_be_first: bool = False) -> list[str]:
    """
    Set up an app whose code shows that it has the key; return the recovery codes, which cannot be had again.

    A user that has such codes keeps them, and none are returned.

    :param must_be_first: whether the user has shown its password alone, which is enough for its first factor only
    :raises WrongCode: if the app does not show this code now, or is not the first
    """
    totp = TOTP(bytes.fromhex(key))
    if not (CODE.fullmatch(code) and totp.verify(int(code), TOLERANCE_STEPS)):
        raise WrongCode
    # The code that was shown just now is used up.
    app = TOTPDevice(user=user, name="app", key=key, last_t=totp.t())
    return add_factor(user, app, proof=Proof.TOTP, visit=visit, must_be_first=must_be_first, key=key)


def add_factor(
    user: Any, row: Model, *, proof: Proof, visit: Visit, must_be_first: bool = False, **mark: str
) -> list[str]:
    """Keep a factor, which `mark` tells from others, that was shown to work; return recovery codes if they are new."""
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    are_new = _add(user, row, mark, proof=proof, codes=codes, visit=visit, must_be_first=must_be_first)
    return [_shown(code) for code in codes] if are_new else []


@in_transaction("second_factor.add")
def _add(
    user: Any,
    row: Model,
    mark: dict[str, str],
    *,
    proof: Proof,
    codes: list[str],
    visit: Visit,
    must_be_first: bool,
) -> bool:
    """Add the factor, and say whether the codes are the user's now."""
    _lock(user)
    if not type(row)._default_manager.filter(user=user, **mark).exists():  # it is there if a COMMIT's answer was lost
        if must_be_first and factors_of(user):
            raise WrongCode
        row.pk = None
        row.save(force_insert=True)
        note(user, LogInEventKind.FACTOR_ADDED, visit=visit, proof=proof)
    if not RecoveryCode.objects.filter(user=user).exists():
        _replace_codes(user, codes)
    return _has(user, codes)


def make_recovery_codes(user: Any, *, visit: Visit) -> list[str]:
    """Replace a user's recovery codes; return the new ones, which cannot be had again."""
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    _make_codes(user, codes, visit=visit)
    return [_shown(code) for code in codes]


@in_transaction("second_factor.codes")
def _make_codes(user: Any, codes: list[str], *, visit: Visit) -> None:
    _lock(user)
    if _has(user, codes):
        return  # likewise
    _replace_codes(user, codes)
    note(user, LogInEventKind.CODES_MADE, visit=visit)


def use_code(user: Any, typed: str) -> Proof:
    """
    Use up a code of an app, or a recovery code; say which it was. No code works twice.

    :raises WrongCode: if it is none that works now
    """
    code = re.sub(r"[\s-]", "", typed).upper()
    if CODE.fullmatch(code):
        used: Proof | None = _use_code_of_app(user, code)
    elif RECOVERY_CODE.fullmatch(code):
        used = _use_recovery_code(user, _hash(code))
    else:
        used = None
    if used is None:
        raise WrongCode
    return used


@in_transaction("second_factor.use_app")
def _use_code_of_app(user: Any, code: str) -> Proof | None:
    """
    Find the app that shows this code. Of two requests with one code one gets it: the rows are locked.

    Run again after a lost COMMIT it refuses, as the code is used up: the next one of the app works.
    """
    rows = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).order_by("pk")
    return Proof.TOTP if any(app.verify_token(code) for app in rows) else None


@in_transaction("second_factor.use_recovery_code")
def _use_recovery_code(user: Any, code_hash: str) -> Proof | None:
    deleted, _ = RecoveryCode.objects.filter(user=user, code_hash=code_hash).delete()
    return Proof.RECOVERY_CODE if deleted else None


@in_transaction("second_factor.remove")
def remove_factor(user: Any, proof: Proof, row_id: int, *, visit: Visit) -> None:
    """
    Remove an app or a passkey; with a user's last factor its recovery codes go too. One that is gone is no error.

    :raises FactorNeeded: if the user must have a second factor, and this is the last
    """
    _lock(user)
    found = factors_of(user)
    row = found.find(proof, row_id)
    if row is None:
        return
    is_last = len(found.apps) + len(found.passkeys) == 1
    if is_last and is_required_of(user):
        raise FactorNeeded
    row.delete()
    if is_last:
        RecoveryCode.objects.filter(user=user).delete()
    note(user, LogInEventKind.FACTOR_REMOVED, visit=visit, proof=proof)


def remove_all(user: Any) -> None:
    """Remove all but the password that opens a user's log-in, inside a transaction that writes down why."""
    for table in (TOTPDevice, Passkey, RecoveryCode, StaffIdentity):
        table.objects.filter(user=user).delete()


def _lock(user: Any) -> None:
    """Let the changes of one user's factors go one after the other."""
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).values_list("pk").first()


def _has(user: Any, codes: list[str]) -> bool:
    return bool(RecoveryCode.objects.filter(user=user, code_hash=_hash(codes[0])).exists())


def _replace_codes(user: Any, codes: list[str]) -> None:
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, code_hash=_hash(code)) for code in codes])


def _new_code() -> str:
    return b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()


def _shown(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
