"""What `devtools/system_packages.sh` says and installs, on machines made of stubs."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "devtools" / "system_packages.sh"
DATABASES = ("my_print_defaults", "mariadbd", "mariadb-install-db")
FOR_RUN = ("python3", "gcc", "pkg-config")
# Where it is kept is looked into on every machine: one with it must look like one without.
PROXY = "haproxy"
COMPLETE = (*FOR_RUN, *DATABASES, "redis-check-rdb", PROXY, "chromium")

CLUSTER = ("wsrep_sst_mariabackup", "mariadb-backup", "socat", "ip", "etcd", "initdb")
# No program, but a library: this machine's is seen, if it has one.
LIBRARY = "" if Path("/usr/lib/galera/libgalera_smm.so").exists() else "galera-4"


class Machine:
    """A PATH with only the named programs; each succeeds and says nothing unless told otherwise."""

    def __init__(self, folder, *programs, user):
        self.folder = folder
        self.installed = folder / "installed.txt"
        self.add("id", f"echo {user}")
        self.add("env", f'exec {shutil.which("env")} "$@"')
        for name in ("true", *programs):
            self.add(name)

    def add(self, name, body="exit 0"):
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def add_apt_get(self, *, status=0):
        self.add("apt-get", f'echo "$*" >> {self.installed}\necho apt-get speaks\nexit {status}')

    def run(self, purpose):
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), purpose], env={"PATH": str(self.folder)}, capture_output=True, text=True
        )


@pytest.mark.parametrize("purpose", ["run", "test"])
def test_a_complete_machine_is_left_alone_in_silence(tmp_path, purpose):
    machine = Machine(tmp_path, *COMPLETE, user=1000)

    done = machine.run(purpose)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("purpose", "programs", "packages"),
    [
        ("image", ("debootstrap", "ip"), "buildah"),
        ("image", ("buildah", "debootstrap", "ip"), ""),
        ("backup", ("mariadb-dump",), ""),
        ("backup", (), "mariadb-client"),
        ("postgres", ("initdb",), ""),
        ("postgres", (), "postgresql"),
        ("cluster", CLUSTER, LIBRARY),
        (
            "cluster",
            ("ip",),
            f"mariadb-server mariadb-backup {LIBRARY} socat etcd-server postgresql".replace("  ", " "),
        ),
    ],
)
def test_the_image_and_a_backup_need_programs_of_their_own(tmp_path, purpose, programs, packages):
    machine = Machine(tmp_path, *FOR_RUN, *programs, user=0)
    machine.add_apt_get()

    done = machine.run(purpose)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"installing system packages: {packages}\n" if packages else "")


@pytest.mark.parametrize(
    ("redis", "browser"),
    [("redis-server", "chromium"), ("redis-check-rdb", "google-chrome"), ("redis-check-rdb", "chromium-browser")],
)
def test_a_redis_server_and_other_builds_of_chromium_will_do_as_well(tmp_path, redis, browser):
    machine = Machine(tmp_path, *FOR_RUN, *DATABASES, redis, PROXY, browser, user=1000)

    done = machine.run("test")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_user_without_root_gets_one_line_that_names_the_packages(tmp_path):
    machine = Machine(tmp_path, "python3", "gcc", user=1000)
    machine.add_apt_get()

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "missing system packages: pkg-config libmariadb-dev; install them with: "
        "sudo apt-get install -y --no-install-recommends pkg-config libmariadb-dev\n"
    )
    assert not machine.installed.exists()


def test_a_browser_that_is_only_a_stub_is_missing_and_ubuntu_is_told_where_its_own_is(tmp_path):
    machine = Machine(tmp_path, *FOR_RUN, *DATABASES, "redis-server", PROXY, user=1000)
    machine.add("chromium-browser", "echo please install the snap >&2\nexit 1")
    machine.add_apt_get()

    done = machine.run("test")

    assert done.returncode == 1
    assert done.stderr == (
        "missing system packages: chromium; install them with: "
        "sudo apt-get install -y --no-install-recommends chromium "
        "(chromium on Ubuntu: sudo snap install chromium)\n"
    )


def test_a_sudo_that_asks_for_a_password_counts_as_none(tmp_path):
    machine = Machine(tmp_path, "python3", "pkg-config", user=1000)
    machine.add_apt_get()
    machine.add("sudo", "exit 1")

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stderr == (
        "missing system packages: gcc libc6-dev; install them with: "
        "sudo apt-get install -y --no-install-recommends gcc libc6-dev\n"
    )


@pytest.mark.parametrize(("user", "programs"), [(0, ()), (1000, ("sudo",))], ids=["root", "sudo"])
def test_what_is_missing_is_installed_where_that_is_allowed(tmp_path, user, programs):
    machine = Machine(tmp_path, "python3", "gcc", "pkg-config", "mariadbd", PROXY, user=user)
    machine.add_apt_get()
    for name in programs:
        machine.add(name, 'shift\nexec "$@"')

    done = machine.run("test")

    assert (done.returncode, done.stderr) == (0, "")
    packages = "mariadb-server-core mariadb-client-core redis-tools chromium"
    assert done.stdout == f"installing system packages: {packages}\n"
    assert machine.installed.read_text().splitlines() == [
        "-qq update",
        f"-qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove {packages}",
    ]


def test_an_installation_that_fails_shows_why_and_what_to_do(tmp_path):
    machine = Machine(tmp_path, "python3", "gcc", user=0)
    machine.add_apt_get(status=100)

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stderr == (
        "apt-get speaks\napt-get speaks\n"
        "missing system packages: pkg-config libmariadb-dev; install them with: "
        "sudo apt-get install -y --no-install-recommends pkg-config libmariadb-dev\n"
    )


def test_a_machine_without_a_network_is_told_so(tmp_path):
    machine = Machine(tmp_path, "python3", "gcc", user=0)
    machine.add("apt-get", "echo \"Temporary failure resolving 'deb.debian.org'\" >&2\nexit 100")

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "no network: apt-get reaches no package source",
        "missing system packages: pkg-config libmariadb-dev; install them with: "
        "sudo apt-get install -y --no-install-recommends pkg-config libmariadb-dev",
    ]


def test_another_kind_of_system_is_told_the_names(tmp_path):
    machine = Machine(tmp_path, "python3", "gcc", "pkg-config", user=0)
    (tmp_path / "gcc").unlink()

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stderr == (
        "missing system packages: gcc libc6-dev (Debian's names; there is no apt-get here to install them with)\n"
    )


def test_an_interpreter_that_will_not_do_is_named_in_one_line(tmp_path):
    machine = Machine(tmp_path, "gcc", "pkg-config", user=1000)

    done = machine.run("run")

    assert done.returncode == 1
    assert done.stderr == ("python3 not found: install Python 3.11 or newer, or choose one with PYTHON=...\n")
