"""How `devtools/promtool.sh` comes by promtool, on machines made of stubs: no rule goes unchecked."""

import shutil
import subprocess

import pytest

from devtools.processes import REPOSITORY

SCRIPT = REPOSITORY / "devtools" / "promtool.sh"
NEEDED = ("mktemp", "chmod", "chown", "id", "mkdir", "dirname", "mv", "rm", "tar", "cat", "touch", "sh")


@pytest.fixture
def machine(tmp_path):
    """A folder of programs, and a way to run the script with these alone."""

    class Machine:
        programs, project = tmp_path / "bin", tmp_path / "project"

        def add(self, name, body):
            (self.programs / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.programs / name).chmod(0o755)

        def run(self, *words):
            return subprocess.run(
                ["/bin/sh", str(SCRIPT), *words],
                cwd=self.project,
                env={"PATH": str(self.programs)},
                capture_output=True,
                text=True,
            )

    made = Machine()
    made.programs.mkdir()
    made.project.mkdir()
    for name in NEEDED:
        (made.programs / name).symlink_to(shutil.which(name))
    return made


def test_one_that_is_there_is_run(machine):
    machine.add("promtool", 'echo "theirs $*"')

    assert machine.run("check", "rules").stdout == "theirs check rules\n"


def test_without_one_it_is_taken_out_of_the_package_once(machine, tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/promtool").write_text('#!/bin/sh\necho "ours $*"\n')
    (tmp_path / "usr/bin/promtool").chmod(0o755)
    machine.add("apt-get", f"echo asked >> {tmp_path}/asked; touch prometheus_2_amd64.deb")
    machine.add("dpkg-deb", f"tar -c -C {tmp_path} ./usr/bin/promtool")

    heard = [machine.run("check", "rules").stdout for _ in range(2)]

    assert heard == ["ours check rules\n"] * 2
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_where_it_cannot_be_had_the_check_fails_and_says_why(machine):
    machine.add("apt-get", "echo no network >&2; exit 100")

    done = machine.run("check", "rules")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "no network",
        "promtool is missing, and Debian's package prometheus cannot be had: put promtool on the PATH",
    ]
