"""The plugin that wants a test for every branch: `devtools/pytest_branches.py`."""

import subprocess
import sys

import pytest

from devtools.processes import REPOSITORY

pytestmark = pytest.mark.slow

SOURCE = """
def size(number):
    if number < 0:
        number = -number
    if number is None:
        raise AssertionError("never")
    match number > 9:
        case True:
            return "big"
        case False:
            return "small"
"""
TESTS = {
    "test_big.py": "from ours.numbers import size\n\ndef test_big():\n    assert size(-10) == 'big'\n",
    "test_small.py": "from ours.numbers import size\n\ndef test_small():\n    assert size(1) == 'small'\n",
}
RULES = '[tool.slipcover]\nsource = ["ours"]\nexclude-also = ["raise AssertionError"]\n'


@pytest.fixture
def run(tmp_path):
    """Run the tests of a small project, as many processes as are asked for, and give what pytest prints."""
    for name, text in {"pyproject.toml": RULES, "ours/numbers.py": SOURCE, **TESTS}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def run_tests(*options):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "devtools.pytest_branches", *options],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{REPOSITORY}:{tmp_path}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )

    return run_tests


def test_a_run_that_takes_every_branch_passes_whichever_of_its_processes_took_it(run):
    done = run("-p", "xdist", "-n", "2")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(("left_out", "untaken"), [("test_big.py", "4, 9"), ("test_small.py", "3->5, 10-11")])
def test_a_run_with_a_test_less_fails_and_names_what_is_untaken(run, left_out, untaken):
    done = run("--ignore", left_out)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 passed" in done.stdout
    assert untaken in done.stdout


def test_what_no_test_imports_is_untaken(run, tmp_path):
    (tmp_path / "ours/more.py").write_text("seven = 7\n")

    done = run()

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "ours/more.py" in done.stdout
    assert "ours/numbers.py" not in done.stdout
