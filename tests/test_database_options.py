"""Each option of a database's address is passed on or refused; none is dropped, and none is weakened."""

import pytest

from bookingsite.config.database_options import NOT_HERE, Refused, mysql_options, no_options
from tests.test_start import PRINT_SETTINGS, start

PRIMARY = "mysql://writer:a@primary:3306/name"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files with odd names, as a path may have them."""
    folder = tmp_path_factory.mktemp("with space + plus")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {}),
        ("connect_timeout=3", {"connect_timeout": 3}),
        ("read_timeout=7&write_timeout=8", {"read_timeout": 7, "write_timeout": 8}),
        ("CONN_MAX_AGE=0", {"conn_max_age": 0}),
        ("charset=utf8mb4", {"charset": "utf8mb4"}),
        ("collation=utf8mb4_unicode_ci", {"collation": "utf8mb4_unicode_ci"}),
        ("compress=true", {"compress": True}),
        ("ssl_mode=DISABLED", {"ssl_mode": "DISABLED"}),
        ("ssl_mode=required", {"ssl_mode": "REQUIRED"}),
        (
            "ssl_cipher=ECDHE-RSA-AES256-GCM-SHA384",
            {"ssl_mode": "REQUIRED", "ssl": {"cipher": "ECDHE-RSA-AES256-GCM-SHA384"}},
        ),
    ],
)
def test_what_the_library_knows_is_passed_on(query, options):
    assert mysql_options(query, host="db") == options


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_who_is_verified_without_a_named_authority_is_verified_by_those_of_the_machine(monkeypatch, files, mode):
    monkeypatch.setenv("SSL_CERT_FILE", f"{files}/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", f"{files}")
    query = f"ssl-mode={mode.lower()}&ssl_cipher=ECDHE-RSA-AES256-GCM-SHA384"
    cipher = {"cipher": "ECDHE-RSA-AES256-GCM-SHA384"}

    assert mysql_options(query, host="db") == {
        "ssl_mode": mode,
        "ssl": {**cipher, "ca": f"{files}/ca.pem", "capath": f"{files}"},
    }
    assert mysql_options(f"{query}&ssl_capath={files}", host="db")["ssl"] == {**cipher, "capath": f"{files}"}


def test_nobody_can_be_verified_where_there_is_no_authority(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")

    with pytest.raises(Refused, match="its option ssl_mode needs ssl_ca"):
        mysql_options("ssl_mode=VERIFY_CA", host="db")


def test_a_socket_is_passed_on():
    assert mysql_options("unix_socket=/run/my%20sql.sock", host="") == {"unix_socket": "/run/my sql.sock"}
    assert mysql_options("unix_socket=/run/a.sock", host="localhost") == {"unix_socket": "/run/a.sock"}


def test_an_authority_without_a_mode_must_prove_everything(files):
    assert mysql_options(f"ssl_ca={files}/ca.pem", host="db") == {
        "ssl_mode": "VERIFY_IDENTITY",
        "ssl": {"ca": f"{files}/ca.pem"},
    }


def test_a_certificate_of_ours_asks_for_encryption(files):
    query = f"ssl_cert={files}/cert.pem&ssl_key={files}/key.pem"

    assert mysql_options(query, host="db") == {
        "ssl_mode": "REQUIRED",
        "ssl": {"cert": f"{files}/cert.pem", "key": f"{files}/key.pem"},
    }


def test_a_mode_that_is_named_stays(files):
    found = mysql_options(f"ssl_ca={files}/ca.pem&ssl_mode=REQUIRED&ssl_capath={files}", host="db")

    assert found == {"ssl_mode": "REQUIRED", "ssl": {"ca": f"{files}/ca.pem", "capath": str(files)}}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("ssl_mode=PREFERRED", "its option ssl_mode cannot be PREFERRED"),
        ("ssl_mode=VERIFY", "its option ssl_mode must be one of DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY"),
        ("ssl_mode=", "its option ssl_mode must be one of"),
        ("sslmode=require", "its option sslmode is not known; known are charset,"),
        ("ssl_verify_cert=true", "its option ssl_verify_cert is not known"),
        ("tls_version=TLSv1.3", "its option tls_version is not known"),
        ("ssl_ca=ca.pem", "its option ssl_ca must be the absolute path of a file that is there"),
        ("ssl_ca=/nowhere/ca.pem", "its option ssl_ca must be the absolute path of a file that is there"),
        ("ssl_capath=/nowhere", "its option ssl_capath must be the absolute path of a folder"),
        ("ssl_mode=DISABLED&ssl_cipher=AES", "its option ssl_mode=DISABLED contradicts ssl_cipher"),
        ("ssl_mode=REQUIRED&ssl_mode=DISABLED", "its option ssl_mode is there twice"),
        ("ssl_mode=REQUIRED&SSL-MODE=DISABLED", "its option ssl_mode is there twice"),
        ("charset=utf8", "its option charset must be utf8mb4"),
        ("charset=latin1", "its option charset must be utf8mb4"),
        ("collation=utf8_general_ci", "its option collation must be one of utf8mb4"),
        ("connect_timeout=0", "its option connect_timeout must be a whole number of seconds from 1"),
        ("connect_timeout=1.5", "its option connect_timeout must be"),
        ("read_timeout=soon", "its option read_timeout must be"),
        ("write_timeout=99999", "its option write_timeout must be"),
        ("read_timeout=%D9%A3", "its option read_timeout must be"),
        ("conn_max_age=None", "its option conn_max_age must be"),
        ("compress=1", "its option compress must be true or false"),
        ("unix_socket=mysql.sock", "its option unix_socket must be an absolute path"),
        ("unix_socket=/run/mysql.sock", "its option unix_socket contradicts its host"),
        ("timeout", "its options must look like"),
        ("connect_timeout=3&", "its options must look like"),
        ("a=%ff", "its options must look like"),
        ("pa55word!=1", "its option (one with odd characters) is not known"),
        *((f"{name}=1", f"its option {name} cannot be set here") for name in NOT_HERE),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(query, why):
    with pytest.raises(Refused) as refused:
        mysql_options(query, host="db")

    assert str(refused.value).startswith(why)


def test_a_certificate_needs_its_key(files):
    with pytest.raises(Refused, match="ssl_cert and ssl_key go together"):
        mysql_options(f"ssl_cert={files}/cert.pem", host="db")


@pytest.mark.parametrize("query", ["timeout=5", "mode=ro", "cache=shared&mode=memory"])
def test_sqlite_has_none(query):
    with pytest.raises(Refused, match="SQLite has none here"):
        no_options(query)


@pytest.mark.parametrize("setting", ["DATABASE_URL", "DATABASE_REPLICA_URL"])
def test_a_process_does_not_start_with_one_it_cannot_use_and_says_so_in_one_line(setting):
    addresses = {"DATABASE_URL": PRIMARY, "DATABASE_REPLICA_URL": "mysql://reader:b@other:3306/name"}
    addresses[setting] += "?ssl_mode=PREFERRED"

    result = start("-c", "import bookingsite.settings", **addresses)

    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert f"{setting} cannot be used: its option ssl_mode cannot be PREFERRED" in last


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "why"),
    [
        (
            "sqlite:///var/x.sqlite3?timeout=5",
            "DATABASE_URL must look like sqlite:///file or sqlite:////folder/file, without options.",
        ),
        ("sqlite:////tmp/a#b.sqlite3", "In the name write # as %23, ? as %3F and % as %25."),
        ("mysql://writer:a@primary:3306", "DATABASE_URL cannot be used: it names no database"),
        ("mysql://writer:a@primary:3306/?charset=utf8mb4", "DATABASE_URL cannot be used: it names no database"),
        (f"{PRIMARY}#fragment", "DATABASE_URL cannot be used: it has a #, which must be written %23"),
        (f"{PRIMARY}?ssl_mode=REQUIRED#", "DATABASE_URL cannot be used: it has a #"),
    ],
)
def test_nothing_of_an_address_is_dropped(address, why):
    result = start("-c", "import bookingsite.settings", DATABASE_URL=address)

    assert result.returncode != 0
    assert why in result.stderr.strip().splitlines()[-1]


def test_a_password_with_a_hash_is_refused_and_not_shown():
    result = start("-c", "import bookingsite.settings", DATABASE_URL="mysql://u:pa#55word@h/x?y=z")

    assert result.returncode != 0
    assert "55word" not in result.stdout + result.stderr


@pytest.mark.slow
def test_what_an_address_asks_for_stays_in_every_kind_of_process():
    program = (
        PRINT_SETTINGS.format("DEBUG")
        + "import django; django.setup()\n"
        + "from bookings.db import limits\nfrom django.db import connections\n"
        + "for kind in (limits.WEB, limits.WORKER, limits.COMMAND):\n"
        + "    limits.use(kind)\n"
        + "    options = connections.settings['default']['OPTIONS']\n"
        + "    print(options['connect_timeout'], options['read_timeout'], options['write_timeout'])\n"
    )

    result = start("-c", program, DATABASE_URL=f"{PRIMARY}?read_timeout=9")

    assert result.stdout.splitlines()[1:] == ["2 9 5", "5 9 30", "5 9 3600"]


@pytest.mark.slow
def test_the_look_of_a_session_is_of_its_kind_of_process():
    program = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'bookingsite.settings'\n"
        "import bookingsite.wsgi\nfrom django.db import connections\n"
        "print(connections.settings['default']['OPTIONS']['init_command'])\n"
    )

    result = start("-c", program, DATABASE_URL="mysql://bookings@127.0.0.1:1/bookings")

    assert result.stdout.strip() == (
        "SET time_zone='+00:00', completion_type='NO_CHAIN', innodb_lock_wait_timeout=2, lock_wait_timeout=2 "
        "/*M! , max_statement_time=4 */ "
        "/*!80000 , max_execution_time=4000 */ /*M! , idle_transaction_timeout=20 */"
    )
