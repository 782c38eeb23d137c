"""
Sends mail by SMTP, one phase after the other.

See Note [Before the dot and after it].
"""

# Note [Before the dot and after it]
# A server takes a mail over with its answer to the last line, a dot. What ends before that line was never taken over
# and may be sent again; what ends between that line and its answer may be on its way to the traveler. The ready-made
# ways to send a mail raise the same error for both, so each phase is gone through here. What a server refuses is told
# apart too: an address that does not exist is not written to again, what is refused for another reason may go another
# day, and a mail that is refused after the dot is never taken.

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from typing import cast

from bookings.deadline import Deadline
from bookings.gateways.messages.mime import address_of, bytes_of, domain_of, message_of
from bookings.gateways.webhooks.names import Names
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Mail, MessageOutcome, Refused, Sent
from bookings.ports.webhooks import NameUnknown
from bookings.text.legible import printable_line
from bookings.text.mail_addresses import is_normal

# For the name and for the connection: a server of ours has both within a moment.
CONNECT_SECONDS = 5.0

# The answers of a server in one conversation. They are some lines of text.
LARGEST_ANSWERS_BYTES = 64 * 1024

# After the mail was taken over nothing depends on the good-bye.
QUIT_SECONDS = 1.0

# What is kept of what a server said.
SAID_KEPT = 160

# A server repeats the address that it refuses, and it shall stand nowhere.
ADDRESS = re.compile(r"\S*@\S*")

# A line that begins with a dot would end the mail.
DOT_AT_START = re.compile(rb"^\.", re.MULTILINE)

# An enhanced status code of RFC 3463: its class, and what it is about.
ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.[0-9]{1,3}\b")
# It is about the address, or about the mailbox behind it. Others are about the network, the message, or a policy.
ABOUT_THE_ADDRESS = ("1", "2")
# Where a server says no more than a number: no such mailbox, not here, not an address.
NO_SUCH_ADDRESS = (501, 550, 551, 553)
# The mail is too large for this server: the one answer to MAIL that is about the mail.
TOO_LARGE = 552


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed over. `tls` is one of: at once, started, none."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpMail:
    """Hands mails over to one server, each on a connection of its own, which costs a second of no request's time."""

    def __init__(self, server: MailServer, *, sender: str, reply_to: str = "", ca_file: str = "") -> None:
        self._server, self._sender, self._reply_to, self._ca_file = server, sender, reply_to, ca_file
        self._names = Names()

    def send(self, mail: Mail, /, *, seconds: float) -> MessageOutcome:
        """Send once; `seconds` hold for all of it, from the look-up of the server's name on."""
        deadline = Deadline(seconds)
        if not is_normal(mail.to):
            return Refused("not an address")
        try:
            content = bytes_of(message_of(mail, sender=self._sender, reply_to=self._reply_to))
        except ValueError as error:  # an end of a line in a header
            return Mistake(type(error).__name__)
        talk: _Talk | None = None
        try:
            talk = self._begin(deadline)
            return _hand_over(talk, sender=address_of(self._sender), to=mail.to, content=content)
        except _Ended as error:
            return error.outcome
        finally:
            if talk is not None:
                talk.hang_up()

    def try_out(self, *, seconds: float) -> NotSent | None:
        """Connect and log in, and send nothing; None: that works."""
        talk: _Talk | None = None
        try:
            talk = self._begin(Deadline(seconds))
        except _Ended as error:
            return NotSent(error.outcome.why)
        finally:
            if talk is not None:
                talk.hang_up()
        return None

    def _begin(self, deadline: Deadline) -> "_Talk":
        """
        Connect, encrypt and log in.

        :raises _Ended: if it does not come to that: nothing was sent
        """
        server = self._server
        talk = _Talk(deadline, domain=domain_of(self._sender))
        try:
            context = None if server.tls == "none" else ssl.create_default_context(cafile=self._ca_file or None)
            talk.connect_to(self._socket(deadline), server.host, context if server.tls == "at once" else None)
            talk.wants(talk.getreply(), 220, "greeting")
            talk.wants(talk.ehlo(), 250, "EHLO")
            if server.tls == "started" and context is not None:
                talk.encrypt(server.host, context)
            if server.user:
                talk.log_in(server.user, server.password)
        except _Ended:
            talk.hang_up()
            raise
        except BROKEN as error:
            talk.hang_up()
            raise _Ended(NotSent(_said(error))) from None
        return talk

    def _socket(self, deadline: Deadline) -> socket.socket:
        server = self._server
        try:
            addresses = self._names.addresses(server.host, server.port, seconds=min(CONNECT_SECONDS, deadline.left()))
        except NameUnknown as error:
            raise _Ended(NotSent(str(error))) from None
        refused: OSError = TimeoutError()
        for address in addresses:
            try:
                return socket.create_connection((address, server.port), timeout=min(CONNECT_SECONDS, _left(deadline)))
            except OSError as error:
                refused = error
        raise refused


class _Ended(Exception):
    """The conversation is over, and what it came to is known."""

    def __init__(self, outcome: Refused | Mistake | NotSent | Unknown) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


# What a phase can raise: a connection that breaks or is silent, TLS that fails, a name that is none, a method to log in
# that this server does not know.
BROKEN = (OSError, smtplib.SMTPException, ValueError)


def _hand_over(talk: "_Talk", *, sender: str, to: str, content: bytes) -> MessageOutcome:
    """
    Name the sender and the address, and hand over the mail. See Note [Before the dot and after it].

    :raises _Ended: if it was not taken over
    """
    try:
        _look_at_sender(talk.docmd("MAIL", f"FROM:<{sender}>"))
        _look_at_address(talk.docmd("RCPT", f"TO:<{to}>"))
        _look_at_content(talk.docmd("DATA"), wanted=354)
        talk.send(DOT_AT_START.sub(b"..", content.rstrip(b"\r\n") + b"\r\n"))
    except BROKEN as error:
        return NotSent(_said(error))
    try:
        talk.send(b".\r\n")
        code, said = talk.getreply()
    except BROKEN as error:
        return Unknown(_said(error))
    if code < 400 and not 200 <= code < 300:
        return Unknown(f"answered {code}")
    _look_at_content((code, said), wanted=code if code < 400 else 250)
    return Sent(_words(said))


def _look_at_sender(answer: tuple[int, bytes]) -> None:
    """End the conversation unless the sender may send. Who must not send is wrong for all mails: they wait."""
    code, said = answer
    if code == TOO_LARGE:
        raise _Ended(Mistake(_line("MAIL", code, said)))
    if code != 250:
        raise _Ended(NotSent(_line("MAIL", code, said)))


def _look_at_address(answer: tuple[int, bytes]) -> None:
    """End the conversation unless the address is taken. What is refused for a policy is no fault of the address."""
    code, said = answer
    if code in (250, 251):
        return
    why = _line("RCPT", code, said)
    raise _Ended(Refused(why) if _is_about_the_address(code, said) else NotSent(why))


def _look_at_content(answer: tuple[int, bytes], *, wanted: int) -> None:
    """End the conversation unless the mail is taken. Some servers look at the address only now."""
    code, said = answer
    if code == wanted:
        return
    why = _line("DATA", code, said)
    if not 500 <= code < 600:
        raise _Ended(NotSent(why))
    about = ENHANCED.match(_words(said))
    raise _Ended(Refused(why) if about and about[2] in ABOUT_THE_ADDRESS else Mistake(why))


def _is_about_the_address(code: int, said: bytes) -> bool:
    if not 500 <= code < 600:
        return False
    found = ENHANCED.match(_words(said))
    return found[2] in ABOUT_THE_ADDRESS if found else code in NO_SUCH_ADDRESS


class _Talk(smtplib.SMTP):
    """One conversation with a server. Each step takes what is left of one time in all."""

    def __init__(self, deadline: Deadline, *, domain: str) -> None:
        # Without a host nothing is connected, and with a name none is looked up.
        super().__init__(local_hostname=domain)
        self._deadline = deadline

    def connect_to(self, plain: socket.socket, host: str, context: ssl.SSLContext | None) -> None:
        """Speak over this socket from now on, encrypted at once where there is a context."""
        self.sock = plain
        # The dot comes right behind the mail, and would wait for the answer of a machine that waits for more.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait_no_longer()
        if context is not None:
            self.sock = context.wrap_socket(plain, server_hostname=host)

    def encrypt(self, host: str, context: ssl.SSLContext) -> None:
        """Have the connection encrypted. A server that does not offer it is sent nothing: so it is when one listens."""
        if not self.has_extn("starttls"):
            raise _Ended(NotSent("no TLS"))
        self.wants(self.docmd("STARTTLS"), 220, "STARTTLS")
        self._wait_no_longer()
        self.sock = context.wrap_socket(cast(socket.socket, self.sock), server_hostname=host)
        # What was said before it was encrypted may be anyone's words.
        self.file, self.ehlo_resp, self.esmtp_features, self.does_esmtp = None, None, {}, False
        self.wants(self.ehlo(), 250, "EHLO")

    def log_in(self, user: str, password: str) -> None:
        """Log in by the best way that the server knows. A password is for all mails: they wait."""
        try:
            self.login(user, password)
        except smtplib.SMTPAuthenticationError as error:
            raise _Ended(NotSent(f"login refused: {error.smtp_code}")) from None  # it may say the user's name

    def wants(self, answer: tuple[int, bytes], code: int, phase: str) -> None:
        """End the conversation unless this is the answer."""
        if answer[0] != code:
            raise _Ended(NotSent(_line(phase, *answer)))

    def send(self, content: bytes | str) -> None:  # type: ignore[override]
        """Send within the time."""
        self._wait_no_longer()
        super().send(content)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer within the time, however slowly its bytes come."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self._deadline)
        return super().getreply()

    def hang_up(self) -> None:
        """Say good-bye, and wait for no more than a moment for the answer."""
        try:
            if self.sock is not None and self._deadline:
                self.sock.settimeout(min(QUIT_SECONDS, self._deadline.left()))
                self.sock.sendall(b"QUIT\r\n")
        except OSError:  # the other side was faster
            pass
        finally:
            self.close()

    def _wait_no_longer(self) -> None:
        cast(socket.socket, self.sock).settimeout(_left(self._deadline))


class _Lines:
    """The lines that a server says, all of them within one time and one size."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = sock, deadline
        self._read, self._waiting = 0, b""

    def readline(self, limit: int) -> bytes:
        """
        Give the next line with its end; nothing where the other side has hung up.

        :raises OSError: if it does not come in time, or too much comes
        """
        while b"\n" not in self._waiting[:limit] and len(self._waiting) < limit:
            self._socket.settimeout(_left(self._deadline))
            came = self._socket.recv(4096)
            self._read += len(came)
            if self._read > LARGEST_ANSWERS_BYTES:
                raise OSError("answers too long")
            if not came:
                break
            self._waiting += came
        end = self._waiting[:limit].find(b"\n") + 1 or min(limit, len(self._waiting))
        line, self._waiting = self._waiting[:end], self._waiting[end:]
        return line

    def close(self) -> None:
        """Let the socket go: the conversation closes it."""


def _left(deadline: Deadline) -> float:
    """
    Give the seconds that are left.

    :raises TimeoutError: if there are none
    """
    if not deadline:
        raise TimeoutError("timed out")
    return max(deadline.left(), 0.001)


def _line(phase: str, code: int, said: bytes) -> str:
    return f"{phase}: {code} {_words(said)}" if code > 0 else f"{phase}: no answer of SMTP"


def _words(said: bytes) -> str:
    """Give the beginning of what a server said as one printable line, without the addresses in it."""
    return ADDRESS.sub("…", printable_line(said[:1000]))[:SAID_KEPT]


def _said(error: BaseException) -> str:
    """Say how a connection ended, without an address."""
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate not trusted"
    if isinstance(error, ssl.SSLError):
        return "no TLS"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "hung up"
    if isinstance(error, smtplib.SMTPException):
        return "no way to log in" if isinstance(error, smtplib.SMTPNotSupportedError) else type(error).__name__
    return "connection broken"
