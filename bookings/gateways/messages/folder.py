"""Writes mails and SMS into a folder, where a developer reads them: nothing leaves the machine."""

import re
from pathlib import Path

from bookings.gateways.messages.mime import bytes_of, message_of
from bookings.ports.messages import Mail, Sent, Sms

# A key is a name of a file as it is, unless it is none of ours.
NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


class FolderMail:
    """Writes each mail as a file by its key; one that is sent again is there once."""

    def __init__(self, folder: Path, *, sender: str, reply_to: str = "") -> None:
        self._folder, self._sender, self._reply_to = folder, sender, reply_to

    def try_out(self, *, seconds: float) -> None:
        """Take everything."""

    def send(self, mail: Mail, /, *, seconds: float) -> Sent:
        """Write a mail."""
        content = bytes_of(message_of(mail, sender=self._sender, reply_to=self._reply_to))
        return _written(self._folder, f"{NO_NAME.sub('_', mail.key)}.eml", content)


class FolderSms:
    """Writes each SMS as a file by its key: the number on its first line, then the text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def try_out(self, *, seconds: float) -> None:
        """Take everything."""

    def send(self, sms: Sms, /, *, seconds: float) -> Sent:
        """Write an SMS."""
        return _written(self._folder, f"{NO_NAME.sub('_', sms.key)}.sms", f"{sms.to}\n{sms.text}\n".encode())


def _written(folder: Path, name: str, content: bytes) -> Sent:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return Sent(name)
