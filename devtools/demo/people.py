"""The people of the demo, one of each kind. Only while DEBUG=true: their passwords are their names."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

PEOPLE = {"support": "Support", "supervisor": "Supervisor", "auditor": "Auditor"}
"""Each with the group it works in; a migration makes the groups."""


def make_people() -> list[str]:
    """Make the log-ins that are missing, leave the others alone, and return the groups that do not exist."""
    users = get_user_model().objects
    if not users.filter(username="admin").exists():
        users.create_superuser(username="admin", password="admin")  # a demo, DEBUG only  # noqa: S106  # nosec B106
    missing = []
    for name, group_name in PEOPLE.items():
        group = Group.objects.filter(name=group_name).first()
        if group is None:
            missing.append(group_name)
        elif not users.filter(username=name).exists():
            users.create_user(username=name, password=name, is_staff=True).groups.add(group)
    return missing
