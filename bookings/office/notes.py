"""What staff write down: several lines, in which there is something to read. See Note [What can be read]."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.conf import LONGEST_NOTE
from bookings.text.legible import is_legible, is_orderly


def refuse_what_cannot_be_read(note: str) -> None:
    """:raises ValidationError: if a note shows nothing, or has control characters in it"""
    if not is_legible(note):
        raise ValidationError(_("There is nothing to read in it."))
    if not is_orderly(note, of_lines=True):
        raise ValidationError(
            _("It has characters in it that do not show and change how the rest is shown. Type it again.")
        )


class NoteField(forms.CharField):
    """A note of a few lines; an empty one is refused only where the form needs one."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        usual = {"max_length": LONGEST_NOTE, "widget": forms.Textarea(attrs={"rows": rows})}
        super().__init__(**{**usual, **kwargs})
        self.validators.append(refuse_what_cannot_be_read)
