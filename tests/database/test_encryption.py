"""Where an address asks for TLS, nothing is sent in plain text, nor to a server that cannot prove who it is."""

import datetime
import ipaddress
from contextlib import ExitStack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import OperationalError, connections

from bookings.db.error_numbers import UnsafeSession
from bookings.diagnostics import database
from bookings.diagnostics.connections import encryption
from bookingsite.config import databases
from devtools.mariadb import PrivateMariaDB
from devtools.private_server import DATABASE
from devtools.processes import HOST

pytestmark = [pytest.mark.slow, pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

TODAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LATER = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
# Another address of this machine: from 3.4 on MariaDB's library asks a server at 127.0.0.1 for no name.
NOT_LOCAL = "127.0.0.2"


class Authority:
    """A certificate authority that signs what it is asked to."""

    def __init__(self, folder, name):
        self._key, self._name, self.file = (
            ec.generate_private_key(ec.SECP256R1()),
            _named(name),
            folder / f"{name}.pem",
        )
        certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def certify(self, folder, name, *hosts):
        """Write a certificate for these hosts and its key; give the options of a server that uses both."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_named(name), key, x509.SubjectAlternativeName(hosts))
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return [f"--ssl-cert={folder}/{name}.pem", f"--ssl-key={folder}/{name}.key", f"--ssl-ca={self.file}"]

    def _sign(self, name, key, extension):
        request = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY)
            .not_valid_after(LATER)
            .add_extension(extension, critical=False)
        )
        return request.sign(self._key, hashes.SHA256())


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """One that proves that it is 127.0.0.1, one that proves to be another, and one that has no TLS."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    here = ours.certify(folder, "here", x509.IPAddress(ipaddress.ip_address(HOST)))
    elsewhere = ours.certify(folder, "elsewhere", x509.DNSName("db.example.org"))
    with ExitStack() as running:
        found = {
            name: running.enter_context(PrivateMariaDB(*options))
            for name, options in (
                ("here", here),
                ("elsewhere", [*elsewhere, f"--bind-address={HOST},{NOT_LOCAL}"]),
                ("plain", ["--skip-ssl"]),
            )
        }
        yield {**found, "ours": ours.file, "theirs": theirs.file}


@pytest.fixture
def connect(servers, monkeypatch):
    """Connect to one of them as the service does, with these options in DATABASE_URL; give the cipher."""
    opened = []

    def open_with(name, query, host=HOST):
        query = query.format(ours=servers["ours"], theirs=servers["theirs"])
        monkeypatch.setenv("DATABASE_URL", f"mysql://root@{host}:{servers[name].port}/{DATABASE}?{query}")
        session = connections["default"].copy()
        session.settings_dict = {**session.settings_dict, **databases.database()}
        opened.append(session)
        with session.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
            return cursor.fetchone()[1]

    yield open_with
    for session in opened:
        session.close()


@pytest.mark.parametrize(
    "query",
    [
        "ssl_mode=REQUIRED",
        "ssl_ca={ours}",
        "ssl_mode=VERIFY_CA&ssl_ca={ours}",
        "ssl_mode=VERIFY_IDENTITY&ssl_ca={ours}",
        "ssl_mode=REQUIRED&ssl_ca={ours}",
    ],
)
def test_a_server_that_proves_who_it_is_is_spoken_to_in_secret(connect, query):
    assert connect("here", query).startswith("TLS_")


@pytest.mark.parametrize(
    "query",
    [
        "ssl_ca={theirs}",
        "ssl_mode=REQUIRED&ssl_ca={theirs}",
        "ssl_mode=VERIFY_CA&ssl_ca={theirs}",
        "ssl_mode=VERIFY_IDENTITY&ssl_ca={theirs}",
        "ssl_mode=VERIFY_CA",
        "ssl_mode=VERIFY_IDENTITY",
    ],
)
def test_a_server_of_another_authority_is_refused(connect, query):
    with pytest.raises(OperationalError, match="2026"):
        connect("here", query)


@pytest.mark.long
@pytest.mark.parametrize("query", ["ssl_ca={ours}", "ssl_mode=VERIFY_IDENTITY&ssl_ca={ours}"])
def test_a_server_that_proves_to_be_another_is_refused(connect, query):
    with pytest.raises(OperationalError, match="2026"):
        connect("elsewhere", query, NOT_LOCAL)


@pytest.mark.parametrize(
    "query",
    [
        "ssl_mode=REQUIRED",
        "ssl_mode=REQUIRED&ssl_ca={ours}",
        "ssl_ca={ours}",
        "ssl_mode=VERIFY_CA&ssl_ca={ours}",
        "ssl_mode=VERIFY_IDENTITY&ssl_ca={ours}",
        "ssl_cipher=ECDHE-ECDSA-AES256-GCM-SHA384",
    ],
)
def test_a_server_that_would_be_spoken_to_in_plain_text_is_refused(connect, query):
    with pytest.raises(OperationalError, match=r"2026|it is not encrypted, which ssl_mode asks for"):
        connect("plain", query)


@pytest.mark.long
def test_without_the_look_required_would_be_plain_text_in_silence(connect, monkeypatch):
    """The twin: the client's library asks for TLS, and goes on without."""
    monkeypatch.setattr("bookings.db.safe_session.ENCRYPTED", ())

    assert connect("plain", "ssl_mode=REQUIRED") == ""


@pytest.mark.long
def test_a_refusal_for_want_of_tls_lasts(connect):
    with pytest.raises(UnsafeSession) as refused:
        connect("plain", "ssl_mode=REQUIRED")

    assert not refused.value.may_pass


@pytest.mark.long
@pytest.mark.parametrize("query", ["", "ssl_mode=DISABLED"])
def test_what_asks_for_nothing_is_plain_text(connect, query):
    assert connect("plain", query) == ""


@pytest.mark.parametrize(
    ("cipher", "host", "verdict", "found"),
    [
        ("TLS_AES_256_GCM_SHA384", "db.example.org", "OK", "encrypted, TLS_AES_256_GCM_SHA384"),
        ("", "127.0.0.1", "OK", "not encrypted; the server is on this machine"),
        ("", "/run/mysqld/mysqld.sock", "OK", "not encrypted; the server is on this machine"),
        ("", "db.example.org", "WARN", "not encrypted: each machine in between can read and change everything"),
        ("", "192.0.2.7", "WARN", "not encrypted: each machine in between can read and change everything"),
    ],
)
def test_the_doctor_says_whether_it_is_encrypted(cipher, host, verdict, found):
    (only,) = encryption(cipher, host=host, options=database.TLS_OPTIONS)

    assert (only.verdict, only.name, only.message) == (verdict, "encryption", found)
    assert ("ssl_mode=VERIFY_IDENTITY" in only.hint) == (verdict == "WARN")


def test_the_doctor_looks_at_the_connection_itself():
    found = [each for each in database.check_server() if each.name == "encryption"]

    assert [each.message for each in found] == ["not encrypted; the server is on this machine"]
