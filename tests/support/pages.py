"""Looks at the pages of the back office."""

import re
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission


def staff_with(name: str, *codenames: str) -> Any:
    """Make somebody who works here, with these rights and no others."""
    user = get_user_model().objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def text_of(page: Any) -> str:
    """What a page says, without its tags."""
    content = re.sub(r"<(script|style).*?</\1>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", content).split())
