"""Events: what has happened, to be read again by a merchant who missed the notice."""

from typing import Any

from paysim import parameters as p
from paysim.account import Account
from paysim.errors import invalid
from paysim.forms import Form
from paysim.lists import list_of
from paysim.store import Thing

_LIST: dict[str, p.Reader] = {"created": p.span, "delivery_success": p.unbuilt, "type": p.text, "types": p.texts}


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return an event."""
    return account.find("event", name, param="id", in_path=True)


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of events, of one type or of several."""
    if "types" in form:
        if "type" in form:
            raise invalid("You may only specify one of these parameters: type, types.")
        readers = {name: reader for name, reader in _LIST.items() if name != "types"} | {"type": p.texts}
        form = {("type" if name == "types" else name): value for name, value in form.items()}
        return list_of(account, "event", form, readers)
    return list_of(account, "event", form, _LIST)
