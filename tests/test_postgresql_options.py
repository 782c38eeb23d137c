"""Each option of an address of PostgreSQL is passed on or refused, as those of MariaDB are."""

import pytest

from bookingsite.config.database_options import Refused
from bookingsite.config.databases import database
from bookingsite.config.postgresql_options import NOT_HERE, postgresql_options


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")
    return folder


def test_what_is_known_is_passed_on(files):
    ca, cert, key = (files / name for name in ("ca.pem", "cert.pem", "key.pem"))
    for query, options in (
        ("", {}),
        (
            "connect_timeout=3&read_timeout=7&write_timeout=8",
            {"connect_timeout": 3, "read_timeout": 7, "write_timeout": 8},
        ),
        ("CONN_MAX_AGE=0", {"conn_max_age": 0}),
        ("sslmode=verify_full", {"sslmode": "verify-full"}),
        ("sslmode=disable", {"sslmode": "disable"}),
        # An authority alone asks for everything that it can prove; a certificate of ours for encryption.
        (f"sslrootcert={ca}", {"sslmode": "verify-full", "sslrootcert": str(ca)}),
        (f"sslrootcert={ca}&sslmode=verify-ca", {"sslmode": "verify-ca", "sslrootcert": str(ca)}),
        (f"sslcert={cert}&sslkey={key}", {"sslmode": "require", "sslcert": str(cert), "sslkey": str(key)}),
    ):
        assert postgresql_options(query, host="db") == options
    assert postgresql_options("unix_socket=/run/postgresql", host="") == {"unix_socket": "/run/postgresql"}


def test_what_cannot_be_used_is_refused_by_its_name(files):
    for query, why in (
        ("sslmode=prefer", "cannot be prefer: nothing would be encrypted"),
        ("sslmode=on", "must be one of disable, require, verify-ca, verify-full"),
        ("sslrootcert=/nowhere/ca.pem", "sslrootcert must be the absolute path of a file that is there"),
        (f"sslcert={files / 'cert.pem'}", "sslcert and sslkey go together"),
        (f"sslmode=disable&sslrootcert={files / 'ca.pem'}", "sslmode=disable contradicts sslrootcert"),
        ("unix_socket=/run/postgresql", "contradicts its host"),
        ("unix_socket=run", "must be an absolute path"),
        ("unix_socket=/run/postgresql/.s.PGSQL.5432", "must be the folder of the socket"),
        ("connect_timeout=0", "from 1 to 3600"),
        ("sslmode=require&sslmode=disable", "there twice"),
        ("ssl_mode=REQUIRED", "ssl_mode is not known"),
        *((f"{name}=x", f"{name} cannot be set here") for name in NOT_HERE),
    ):
        with pytest.raises(Refused, match=why):
            postgresql_options(query, host="db")


def test_an_address_becomes_settings(monkeypatch):
    for address, place, age in (
        ("postgresql://a:b%23c@db:5433/name?conn_max_age=5&connect_timeout=9", ("db", 5433, "name", "a", "b#c"), 5),
        ("postgresql://a@/name?unix_socket=/run/postgresql", ("/run/postgresql", "", "name", "a", ""), 60),
    ):
        monkeypatch.setenv("DATABASE_URL", address)
        config = database()
        assert config["ENGINE"] == "bookingsite.postgresql"
        assert tuple(config[name] or "" for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")) == place
        assert config["CONN_MAX_AGE"] == age
        assert config["OPTIONS"]["connect_timeout"] == config["ASKED_FOR"].get("connect_timeout", 5)
