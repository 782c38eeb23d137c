"""What `devtools/venv.sh` says while it installs, and where it cannot."""

import os
import subprocess
import sys

import pytest

from devtools.processes import HOST, REPOSITORY, free_port

pytestmark = pytest.mark.slow

SCRIPT = REPOSITORY / "devtools" / "venv.sh"
NONE = "0" * 64


@pytest.fixture
def install(tmp_path):
    """
    Run the script in an empty folder, for a list of packages that is written there, with an index that is away.

    Its .venv is this one by another name: to make one takes ten seconds, and nothing gets as far as being installed.
    """
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)

    def run(packages, **environment):
        (tmp_path / "requirements.txt").write_text("".join(f"{each} --hash=sha256:{NONE}\n" for each in packages))
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), "requirements.txt"],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_RETRIES": "1",
                "PIP_INDEX_URL": f"http://{HOST}:{free_port()}/simple",
                **environment,
            },
            capture_output=True,
            text=True,
        )

    return run


def test_without_a_network_it_says_so_and_what_it_was_about_to_do(install):
    done = install([f"package-{number}==1.0" for number in range(61)])

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "installing 61 packages of requirements.txt: about a minute"
    assert done.stderr.splitlines()[-1] == (
        "no network: the packages of requirements.txt cannot be reached; connect this machine, or name a mirror "
        "(PIP_INDEX_URL, npm_config_registry), and run the same command again"
    )


def test_a_package_that_there_is_not_is_no_matter_of_the_network(install, tmp_path):
    (tmp_path / "index").mkdir()

    done = install(["package==1.0"], PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "installing 1 packages of requirements.txt: about half a minute"
    assert "No matching distribution found for package==1.0" in done.stderr
    assert "no network" not in done.stderr
