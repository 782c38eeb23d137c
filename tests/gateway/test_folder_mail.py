"""Mails in a folder, for development."""

import email
from email.policy import default

from bookings.gateways.messages.folder import FolderMail
from bookings.ports.messages import Mail, Sent


def test_a_mail_is_one_file_however_often_it_is_sent(tmp_path):
    channel = FolderMail(tmp_path / "mail", sender="bookings@example.org")
    mail = Mail("msg_1", "ada@example.org", "en", "s", "t", "<p>h")

    assert [channel.send(mail, seconds=1) for _ in range(2)] == [Sent("msg_1.eml")] * 2
    assert channel.send(Mail("../msg", "ada@example.org", "en", "s", "t", "<p>h"), seconds=1) == Sent("___msg.eml")
    written = sorted((tmp_path / "mail").iterdir())
    assert [file.name for file in written] == ["___msg.eml", "msg_1.eml"]
    read = email.message_from_bytes(written[1].read_bytes(), policy=default)
    assert (read["To"], read["Message-ID"], read["Reply-To"]) == ("ada@example.org", "<msg_1@example.org>", None)
