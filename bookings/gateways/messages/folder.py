"""Writes mails into a folder, where a developer reads them: nothing leaves the machine."""

import re
from pathlib import Path

from bookings.gateways.messages.mime import bytes_of, message_of
from bookings.ports.messages import Mail, Sent

# A key is a name of a file as it is, unless it is none of ours.
NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


class FolderMail:
    """Writes each mail as a file by its key; one that is sent again is there once."""

    def __init__(self, folder: Path, *, sender: str, reply_to: str = "") -> None:
        self._folder, self._sender, self._reply_to = folder, sender, reply_to

    def try_out(self, *, seconds: float) -> None:
        """Take everything."""

    def send(self, mail: Mail, *, seconds: float) -> Sent:
        """Write a mail."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = NO_NAME.sub("_", mail.key) + ".eml"
        (self._folder / name).write_bytes(bytes_of(message_of(mail, sender=self._sender, reply_to=self._reply_to)))
        return Sent(name)
