"""Where MySQL is fetched from, and what is said where that cannot be."""

import subprocess
from pathlib import Path

from devtools.processes import REPOSITORY

SCRIPT = REPOSITORY / "devtools" / "mysql_packages.sh"


def run(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has these programs alone."""
    programs_folder = folder / "bin"
    programs_folder.mkdir()
    for name in programs:
        (programs_folder / name).symlink_to(f"/usr/bin/{name}")
    environment = {"PATH": str(programs_folder)}
    return subprocess.run(["/bin/sh", SCRIPT], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_nothing_is_said_or_done_where_a_server_is_there(tmp_path: Path):
    server = tmp_path / "var" / "mysql" / "root" / "usr" / "sbin" / "mysqld"
    server.parent.mkdir(parents=True)
    server.touch(mode=0o755)

    done = run(tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_the_tool_that_fetches_it_it_says_what_to_do(tmp_path: Path):
    done = run(tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "apt-get not found: MySQL is fetched from Debian's unstable release; set TEST_DATABASE_URL to one of your own\n"
    )
