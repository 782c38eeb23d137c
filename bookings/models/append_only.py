from typing import Any, NoReturn

from django.db import models


class AppendOnly(models.Model):
    """A row that is part of the record: written once, never changed, never deleted."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a row that is there is never changed."""
        if not self._state.adding:
            raise TypeError(f"a {self._meta.verbose_name} is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: it is part of the record."""
        raise TypeError(f"a {self._meta.verbose_name} is never deleted")
