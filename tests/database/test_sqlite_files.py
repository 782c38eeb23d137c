"""Where the SQLite database lies, whatever the folder of the program is called, and whatever DATABASE_URL says."""

import os
import shutil

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookingsite.config import databases
from devtools.processes import REPOSITORY
from tests.support.starts import start

pytestmark = pytest.mark.slow

FOLDERS = {
    "a number sign": "issue #21",
    "a question mark": "what?now",
    "a percent sign": "100%25 %20 done",
    "a plus sign": "c++",
    "blanks and letters of others": " Flüge für Zoë 旅 ",
    "quotes": 'it\'s "here"',
    "what means something to a shell": "$HOME;&(x)*[y]\\z",
    "what means something in an address": "http:@host",
}


@pytest.mark.parametrize("name", FOLDERS.values(), ids=FOLDERS)
def test_the_database_of_a_checkout_lies_inside(tmp_path, name):
    checkout = tmp_path / name
    for part in ("bookings", "bookingsite"):
        shutil.copytree(REPOSITORY / part, checkout / part, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(REPOSITORY / "manage.py", checkout)
    copied = {*tmp_path.rglob("*")}
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}

    # Without a HOME, as from cron or in a container.
    done = start(
        *("manage.py", "shell", "--no-imports", "-c", MAKE_IT),
        env={**inherited, "DEBUG": "true", "ENV_FILE": "", "PYTHONDONTWRITEBYTECODE": "1"},
        folder=checkout,
    )

    assert (done.returncode, done.stderr) == (0, "")
    made = {path for path in tmp_path.rglob("*") if path.is_file() and path not in copied}
    assert {path.name.partition("-")[0] for path in made} == {"bookings.sqlite3"}
    assert {path.parent for path in made} == {checkout / "var"}
    assert list(tmp_path.iterdir()) == [checkout]


MAKE_IT = "from django.db import connection; connection.cursor().execute('CREATE TABLE made (id INT)')"

NAMED = {
    "sqlite:////srv/data/bookings.sqlite3": "/srv/data/bookings.sqlite3",
    "sqlite:////srv/c++/a%20b.sqlite3": "/srv/c++/a b.sqlite3",
    "sqlite:////srv/issue%20%2321/what%3F.sqlite3": "/srv/issue #21/what?.sqlite3",
    "sqlite:////srv/100%25/b.sqlite3": "/srv/100%/b.sqlite3",
    "sqlite:////srv/Fl%C3%BCge/b.sqlite3": "/srv/Flüge/b.sqlite3",
    "sqlite:////srv/Flüge für/b.sqlite3": "/srv/Flüge für/b.sqlite3",
    "sqlite:///mine.sqlite3": str(databases.BASE_DIR / "mine.sqlite3"),
    "sqlite:///data%20of%20mine/b.sqlite3": str(databases.BASE_DIR / "data of mine" / "b.sqlite3"),
    "sqlite://:memory:": ":memory:",
    "sqlite:///:memory:": ":memory:",
    "sqlite://": ":memory:",
    "": str(databases.BASE_DIR / "var" / "bookings.sqlite3"),
}


@pytest.mark.parametrize(("address", "file"), NAMED.items(), ids=NAMED)
def test_an_address_names_a_file(monkeypatch, address, file):
    monkeypatch.setattr(databases.Path, "mkdir", lambda *_, **__: None)
    monkeypatch.setenv("DATABASE_URL", address)

    assert databases.database()["NAME"] == file


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:////srv/issue #21/b.sqlite3",
        "sqlite:////srv/b.sqlite3?timeout=1",
        "sqlite:////srv/b.sqlite3?",
        # A slash too few, and each process would have had a database of its own, in memory.
        "sqlite://b.sqlite3",
        "sqlite://srv/data/b.sqlite3",
        "sqlite:b.sqlite3",
        "sqlite:/srv/b.sqlite3",
        "sqlite:///",
        "sqlite:////srv/data/",
        "sqlite:////srv/a%00b",
    ],
)
def test_an_address_that_would_mean_another_file_is_refused(monkeypatch, address):
    monkeypatch.setenv("DATABASE_URL", address)

    with pytest.raises(ImproperlyConfigured, match="write # as %23"):
        databases.database()


def test_a_folder_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/file/b.sqlite3")

    with pytest.raises(ImproperlyConfigured, match="folder of the SQLite database cannot be made"):
        databases.database()
