"""Checks of what the settings say of staff, against the groups that there are."""

from collections.abc import Iterator

from django.contrib.auth.models import Group

from bookings.conf import second_factor_groups, single_sign_on
from bookings.diagnostics.finding import Finding, fail, ok


def check_groups() -> Iterator[Finding]:
    """
    Look whether each group is there that a setting names. Nothing else would say so: a name is all that is compared.

    :raises DatabaseError: if the database does not answer any more
    """
    named = {
        "STAFF_SECOND_FACTOR_GROUPS": (
            set(second_factor_groups()) - {"*"},
            "who is meant logs in without a second factor",
        ),
        "OIDC_GROUPS": (set(single_sign_on().groups.values()), "who is meant gets no rights"),
    }
    missing = {setting: sorted(filter(_is_missing, names)) for setting, (names, _) in named.items()}
    for setting, names in missing.items():
        for name in names:
            found = f"{setting} names {name!r}, and there is no such group: {named[setting][1]}"
            yield fail(
                "groups of staff", found, f"Here are: {_groups()}. Correct the setting, and restart the web servers."
            )
    if not any(missing.values()) and any(names for names, _ in named.values()):
        yield ok("groups of staff", "each that the settings name is there")


def _is_missing(name: str) -> bool:
    """Ask the database, which takes names for equal that it takes for equal at a log-in."""
    return not Group.objects.filter(name=name).exists()


def _groups() -> str:
    return (
        ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
        or "none; `manage.py migrate` makes three"
    )
