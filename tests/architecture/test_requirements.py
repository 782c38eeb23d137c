"""What runs needs what requirements.in lists, and nothing that only tests need."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.test_source import REPOSITORY

PRODUCT = ("bookings", "bookingsite", "flightsim", "paysim")
# What `make run`, `make bench` and `make devdb` run; the plugins are for pytest alone.
TOOLS, PLUGINS = ("benchmarks", "devtools"), ("pytest_branches.py", "pytest_mariadb.py")
# Imported by name, and brought by what is listed, the second by its extra.
PART_OF = {"urllib3": "requests", "croniter": "django-q2"}
# Imported where it is wanted alone: see requirements-tracing.in.
OPTIONAL = {"bookingsite/telemetry.py"}


def canonical(name):
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(file):
    """The distributions that a list or a lock names."""
    lines = (REPOSITORY / file).read_text().splitlines()
    return {canonical(found[0]) for line in lines if (found := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line))}


def imported(source):
    """The first words of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def unlisted(paths, allowed):
    """The (module, import) pairs that need a distribution which is not allowed."""
    brings = packages_distributions()
    own = {*PRODUCT, *TOOLS, *sys.stdlib_module_names, "__future__"}
    found = []
    for path in paths:
        for name in sorted(set(imported(path.read_text())) - own):
            distributions = {canonical(PART_OF.get(each, each)) for each in brings.get(name, [name])}
            if not distributions & allowed:
                found.append((str(path.relative_to(REPOSITORY)), name))
    return found


def modules_of(*folders):
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


def test_the_product_imports_only_what_is_listed():
    paths = [path for path in modules_of(*PRODUCT) if str(path.relative_to(REPOSITORY)) not in OPTIONAL]

    assert unlisted([*paths, REPOSITORY / "manage.py"], listed("requirements.in")) == []


def test_what_is_optional_imports_only_what_the_lists_for_it_name():
    paths = [REPOSITORY / path for path in OPTIONAL]

    assert unlisted(paths, listed("requirements.in") | listed("requirements-tracing.txt")) == []


def test_the_tools_need_no_package_of_the_tests():
    paths = [path for path in modules_of(*TOOLS) if path.name not in PLUGINS]

    assert unlisted(paths, listed("requirements.in")) == []


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-tracing.txt"])
def test_no_package_of_the_tests_is_locked_for_what_runs(lock):
    # The SDK collects spans in production too, where that is wanted.
    tests_alone = listed("tests/requirements.in") - listed("requirements-tracing.txt")

    assert {"pytest-django", "responses", "hypothesis", "mypy"} <= tests_alone
    assert listed(lock) & (tests_alone | {"pytest", "pip", "setuptools", "wheel"}) == set()


def test_everything_that_is_listed_is_locked():
    assert listed("requirements.in") - listed("requirements.txt") == set()


def test_the_image_and_make_run_install_the_lock_of_what_runs_alone():
    dockerfile, makefile = ((REPOSITORY / name).read_text() for name in ("Dockerfile", "Makefile"))
    (run,) = re.findall(r"^run:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)

    assert re.findall(r"--requirement (\S+)", dockerfile) == ["/tmp/requirements.txt"]
    assert re.findall(r"\S*requirements\S*", run) == ["requirements.txt"]


@pytest.mark.parametrize(
    "source",
    ["import pytest", "from responses import mock", "def later():\n    import hypothesis.strategies"],
)
def test_the_search_finds(tmp_path, monkeypatch, source):
    monkeypatch.setattr(sys.modules[__name__], "REPOSITORY", tmp_path)
    (tmp_path / "module.py").write_text(source)

    assert len(unlisted([tmp_path / "module.py"], {"django"})) == 1
