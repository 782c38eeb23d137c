"""What compose.yaml promises: confined services, settings that exist, commands that exist, a durable database."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from devtools.mariadb import SERVER_FOLDERS
from devtools.processes import REPOSITORY
from flightsim.__main__ import read_options

COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
PROXY = REPOSITORY / "deploy" / "haproxy.cfg"
IMAGE = "flight-bookings:${TAG:-latest}"
OURS = {name: service for name, service in SERVICES.items() if service["image"] == IMAGE}

# What the images of others read, and Python itself.
NOT_OURS = {
    *("MARIADB_DATABASE", "MARIADB_USER", "MARIADB_RANDOM_ROOT_PASSWORD", "SERVICE_PASSWORD"),
    *("LISTEN", "WEB1", "WEB2", "PYTHONUNBUFFERED"),
}


def known_settings():
    """Every name in .env.example, commented out or not."""
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))


def every_text(value):
    """Every text in a part of the file."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in every_text(part)]
    if isinstance(value, list):
        return [text for part in value for text in every_text(part)]
    return [str(value)]


def test_no_name_stands_twice():
    # A reader of YAML may take the last, and Compose refuses the file.
    mappings, twice = [yaml.compose((REPOSITORY / "compose.yaml").read_text())], []
    while mappings:
        node = mappings.pop()
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _value in node.value if key.value != "<<"]
            twice += [name for name in names if names.count(name) > 1]
            mappings += [value for _key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            mappings += node.value

    assert twice == []


def test_these_services_are_there():
    assert set(SERVICES) == {
        *("proxy", "web-1", "web-2", "worker-1", "worker-2", "migrate", "flightsim", "mariadb", "redis"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] == 512
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_root(name):
    user, _, group = SERVICES[name]["user"].partition(":")

    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("name", OURS)
def test_ours_run_as_the_user_of_the_image(name):
    assert SERVICES[name]["user"] == "10001:10001"
    assert "USER 10001:10001" in DOCKERFILE


OTHERS = {name: service for name, service in SERVICES.items() if name not in OURS}


@pytest.mark.parametrize("name", OTHERS)
def test_an_image_of_others_has_a_version_and_can_be_named_by_its_digest(name):
    variable, image = re.fullmatch(r"\$\{([A-Z]+_IMAGE):-(\S+)\}", OTHERS[name]["image"]).groups()
    _, _, tag = image.partition(":")

    assert tag
    assert tag != "latest"
    assert variable in known_settings()


def test_the_base_image_has_a_version_is_the_same_in_both_stages_and_can_be_named_by_its_digest():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    (default,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert bases == ["${BASE}"] * 2
    assert default == "python:3.14-slim-trixie"
    assert {service["build"]["args"]["BASE"] for service in OURS.values()} == {f"${{BASE_IMAGE:-{default}}}"}
    assert "BASE_IMAGE" in known_settings()


def test_nothing_in_the_image_installs_packages():
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert "python -m venv --without-pip /venv" in DOCKERFILE
    assert "pip install" not in last
    assert all(f"-name {name} " in last for name in ("ensurepip", "pip", "setuptools", "wheel"))


# What each may take, in megabytes and cores; docs/operations.md says why.
LIMITS = {
    "proxy": (640, 1.0),
    **dict.fromkeys(("web-1", "web-2"), (1024, 2.0)),
    **dict.fromkeys(("worker-1", "worker-2"), (1024, 1.0)),
    "migrate": (512, 1.0),
    "flightsim": (256, 1.0),
    "mariadb": (2048, 2.0),
    "redis": (192, 0.5),
}


def megabytes(text):
    number, unit = re.fullmatch(r"(\d+)([mgMG])", text).groups()
    return int(number) * {"m": 1, "g": 1024}[unit.lower()]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_takes_no_more_memory_and_no_more_cores_than_it_may(name):
    service = SERVICES[name]

    assert (megabytes(service["mem_limit"]), service["cpus"]) == LIMITS[name]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_kept_in_memory_leaves_half_of_the_limit_to_the_program(name):
    mounts = SERVICES[name].get("tmpfs", [])
    in_memory = sum(megabytes(re.search(r"size=(\w+)", mount)[1]) for mount in mounts)

    assert in_memory <= megabytes(SERVICES[name]["mem_limit"]) / 2


def test_the_buffers_of_the_database_fit_into_its_memory():
    (pool,) = [word for word in SERVICES["mariadb"]["command"] if word.startswith("--innodb-buffer-pool-size=")]

    assert megabytes(pool.partition("=")[2]) <= megabytes(SERVICES["mariadb"]["mem_limit"]) / 2


def test_all_buffers_of_the_proxy_fit_into_its_memory():
    content = PROXY.read_text()
    size, connections = (
        int(re.search(rf"^\s+{name} (\d+)", content, re.MULTILINE)[1]) for name in (r"tune\.bufsize", "maxconn")
    )

    assert 2 * size * connections / 1e6 < megabytes(SERVICES["proxy"]["mem_limit"])


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_a_unit_of_systemd_has_the_same_limits(kind):
    unit = dict(
        line.split("=", 1)
        for line in (REPOSITORY / "deploy" / f"flight-bookings-{kind}@.service").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    memory, cores = LIMITS[f"{kind}-1"]

    assert unit["MemoryMax"] == f"{memory}M"
    assert unit["CPUQuota"] == f"{cores:.0%}"
    assert unit["TasksMax"] == str(SERVICES[f"{kind}-1"]["pids_limit"])


def test_only_migrate_may_change_tables():
    users = {
        name: re.match(r"mysql://(\w+):\$\{(\w+):\?", service["environment"]["DATABASE_URL"]).groups()
        for name, service in OURS.items()
        if "DATABASE_URL" in service["environment"]
    }
    database = SERVICES["mariadb"]

    assert users.pop("migrate") == ("bookings_migrate", "MARIADB_MIGRATE_PASSWORD")
    assert set(users.values()) == {("bookings", "MARIADB_PASSWORD")}
    # The image makes the owner, and the script the other one.
    assert database["environment"]["MARIADB_USER"] == "bookings_migrate"
    assert database["environment"]["MARIADB_PASSWORD"].startswith("${MARIADB_MIGRATE_PASSWORD:?")
    assert database["environment"]["SERVICE_PASSWORD"].startswith("${MARIADB_PASSWORD:?")
    assert "./deploy/mariadb-users.sh:/docker-entrypoint-initdb.d/users.sh:ro" in database["volumes"]
    assert "MARIADB_ROOT_PASSWORD" not in " ".join(every_text(database))


def test_only_the_proxy_can_be_reached_and_from_this_machine_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"proxy": ["127.0.0.1:8080:8080"]}


def test_the_proxy_is_told_all_that_its_configuration_asks_for():
    content = PROXY.read_text()
    asked, preset = (set(re.findall(pattern, content)) for pattern in (r"\$\{(\w+)\}", r"presetenv (\w+)"))

    assert set(SERVICES["proxy"]["environment"]) == (asked - preset) | {"TLS_IN_FRONT"}
    assert SERVICES["proxy"]["volumes"] == ["./deploy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"]


def test_the_data_can_be_reached_by_the_service_alone():
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "data" in service["networks"]] == [
        *("web-1", "web-2", "worker-1", "worker-2", "migrate", "mariadb", "redis"),
    ]


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_is_one_that_env_example_explains(name):
    used = set(SERVICES[name].get("environment", {}))
    used |= set(re.findall(r"\$\{([A-Z0-9_]+)", " ".join(every_text(SERVICES[name]))))

    assert used - known_settings() - NOT_OURS == set()


def test_no_secret_is_in_the_file():
    secret = [
        (name, setting)
        for name, service in SERVICES.items()
        for setting, value in service.get("environment", {}).items()
        if setting in ("SECRET_KEY", "MARIADB_PASSWORD", "SERVICE_PASSWORD") and not value.startswith("${")
    ]

    assert secret == []
    assert "${MARIADB_PASSWORD:?" in OURS["web-1"]["environment"]["DATABASE_URL"]
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()
    assert "!.env" not in (REPOSITORY / ".dockerignore").read_text()


@pytest.mark.parametrize("name", [name for name, service in OURS.items() if "command" in service])
def test_a_command_is_one_that_exists(name):
    first, second, *words = OURS[name]["command"]

    assert first == "python"
    if second == "manage.py":
        name, *options = words
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(options)
    else:
        assert (second, words[0]) == ("-m", "flightsim")
        assert read_options(words[1:]).port == 8001


def test_nothing_starts_before_what_it_needs():
    waits = {name: dict(service.get("depends_on") or {}) for name, service in SERVICES.items()}
    healthy, done = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
    ready = {"migrate": done, "mariadb": healthy, "redis": healthy}

    assert waits["migrate"] == {"mariadb": healthy}
    assert [waits[name] for name in ("web-1", "web-2", "worker-1", "worker-2")] == [ready] * 4
    assert waits["proxy"] == {"web-1": healthy, "web-2": healthy}


def test_everybody_waited_for_tells_whether_he_is_healthy():
    waited_for = {
        other
        for service in SERVICES.values()
        for other, how in dict(service.get("depends_on") or {}).items()
        if how["condition"] == "service_healthy"
    }
    silent = {
        name
        for name in waited_for
        if "test" not in SERVICES[name].get("healthcheck", {})
        and not (name in OURS and "healthcheck" not in SERVICES[name] and "\nHEALTHCHECK " in DOCKERFILE)
    }

    assert silent == set()


@pytest.mark.parametrize("name", ["web-1", "web-2", "worker-1", "worker-2", "proxy"])
def test_what_stops_has_the_time_it_needs(name):
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 25


def test_only_the_one_that_ends_is_not_started_again_for_ever():
    restarts = {name: service["restart"] for name, service in SERVICES.items()}

    assert restarts.pop("migrate") == "on-failure:3"
    assert set(restarts.values()) == {"unless-stopped"}


def test_the_database_keeps_what_it_has_confirmed():
    options = SERVICES["mariadb"]["command"]

    assert "--innodb-flush-log-at-trx-commit=1" in options
    assert "--sync-binlog=1" in options
    assert "--transaction-isolation=READ-COMMITTED" in options
    assert "--character-set-server=utf8mb4" in options


@pytest.mark.mariadb
def test_a_mariadb_takes_these_options():
    path = shutil.which("mariadbd", path=":".join([os.environ["PATH"], *SERVER_FOLDERS]))

    done = subprocess.run(
        [path, "--no-defaults", *SERVICES["mariadb"]["command"], "--user=mysql", "--verbose", "--help"],
        capture_output=True,
        text=True,
    )

    shown = dict(re.findall(r"^([a-z-]+) +(\S+)$", done.stdout, re.MULTILINE))
    assert done.returncode == 0, done.stderr
    assert shown["max-connections"] == "200"
    assert shown["sync-binlog"] == "1"
    assert "unknown" not in done.stderr


def test_every_volume_is_declared_and_no_folder_of_the_machine_is_written_to():
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")}

    assert named == set(COMPOSE["volumes"])
    assert [mount for mount in mounts if mount.startswith(".") and not mount.endswith(":ro")] == []


def test_the_image_starts_an_init_that_signals_the_command_alone():
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)

    assert shlex.split(entry.strip("[]").replace(",", " ")) == ["tini", "--"]


def test_what_the_image_copies_is_what_docker_may_see():
    listed = (REPOSITORY / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)

    assert listed[1] == "*"
    assert sorted(line[1:] for line in listed if line.startswith("!")) == sorted(copied)
    assert [name for name in copied if not Path(REPOSITORY, name).exists()] == []


def name_images(tmp_path, **digests):
    """Run the check of digests on a file of settings."""
    file = tmp_path / "settings"
    file.write_text("".join(f"{name}={value}\n" for name, value in digests.items()))
    return subprocess.run(
        ["sh", "devtools/image_digests.sh", str(file)], cwd=REPOSITORY, capture_output=True, text=True
    )


PINNED = {
    name: f"some/{name.lower()}:1@sha256:{'0f' * 32}" for name in re.findall(r"\$\{([A-Z]+_IMAGE):-", str(COMPOSE))
}


def test_images_that_are_all_named_by_digest_are_fine(tmp_path):
    done = name_images(tmp_path, **PINNED)

    assert len(PINNED) == 4
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("value", ["", "some/image:1", "some/image@sha256:0f0f"])
def test_an_image_without_a_digest_is_named(tmp_path, name, value):
    done = name_images(tmp_path, **{**PINNED, name: value})

    assert done.returncode == 1
    assert done.stdout.startswith(f"{name} is ")
    assert done.stdout.endswith(", a tag without a digest\n")
    assert done.stdout.count("\n") == 1
