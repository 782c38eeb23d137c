"""The example for Kubernetes: it fits the schemas, its pods are confined, and what it names is there."""

import copy
import os
import re
import secrets
from functools import reduce

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from devtools.processes import REPOSITORY
from tests.support.starts import start

FOLDER = REPOSITORY / "deploy" / "kubernetes"
FILES = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))}
OBJECTS = {f"{each['kind']}/{each['metadata']['name']}": each for documents in FILES.values() for each in documents}
# The oldest that is still patched by its makers, and the newest that the schemas know.
VERSIONS = ["1.34", "1.37"]
WEB, WORKER, MIGRATE = "Deployment/bookings-web", "Deployment/bookings-worker", "Job/bookings-migrate"
PODS = {name: OBJECTS[name]["spec"]["template"] for name in (WEB, WORKER, MIGRATE)}
CONTAINERS = {
    f"{name}/{container['name']}": container
    for name, pod in PODS.items()
    for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
}
MEGABYTES = {"Mi": 1, "Gi": 1024}


def validate(value, version):
    return kubernetes_validate.validate(value, version, strict=True)


def megabytes(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()
    return int(number) * MEGABYTES[unit]


def settings_of(container):
    """What the container's environment has, in the order in which Kubernetes reads it."""
    found = {}
    for source in container["envFrom"]:
        ((kind, named),) = source.items()
        prefix = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind]
        there = OBJECTS[f"{prefix}/{named['name']}"]
        found |= there.get("data", {}) | there.get("stringData", {})
    return found | {each["name"]: each["value"] for each in container.get("env", [])}


def test_these_objects_are_there():
    assert set(OBJECTS) == {
        "Namespace/flight-bookings",
        *("ConfigMap/bookings-settings", "Secret/bookings-secrets", "Secret/bookings-migrate-secrets"),
        *(MIGRATE, WEB, WORKER),
        *("PodDisruptionBudget/bookings-web", "PodDisruptionBudget/bookings-worker"),
        *("Service/bookings-web", "Ingress/bookings-web"),
    }
    assert len(OBJECTS) == sum(len(documents) for documents in FILES.values())


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_kubernetes_knows_every_field(name, version):
    assert validate(OBJECTS[name], version) == version


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "replica"], 2),
        (["spec", "replicas"], "two"),
        (["spec", "template", "spec", "containers", 0, "readinessProb"], {}),
        (["spec", "template", "spec", "containers", 0, "ports"], [{"containerPort": "http"}]),
    ],
    ids=["unknown", "wrong type", "unknown, deep", "wrong type, deep"],
)
def test_the_schemas_refuse(path, value):
    wrong = copy.deepcopy(OBJECTS[WEB])
    reduce(lambda part, name: part[name], path[:-1], wrong)[path[-1]] = value

    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong, VERSIONS[-1])


@pytest.mark.parametrize("name", [name for name in OBJECTS if not name.startswith("Namespace/")])
def test_everything_is_in_the_one_namespace(name):
    assert OBJECTS[name]["metadata"]["namespace"] == "flight-bookings"


# --- as the namespace asks for: the standard `restricted` ---------------------------------------------


def test_the_cluster_is_asked_to_refuse_pods_that_are_not_confined():
    assert OBJECTS["Namespace/flight-bookings"]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_confined(name):
    spec = PODS[name]["spec"]
    user = re.search(r"^USER (\d+):(\d+)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE).groups()

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user[0]),
        "runAsGroup": int(user[1]),
        "fsGroup": int(user[1]),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert all(set(volume) == {"name", "emptyDir"} for volume in spec["volumes"])


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_confined_and_may_write_where_the_image_must(name):
    container = CONTAINERS[name]

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp", "/app/var"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_limits_and_what_is_in_memory_leaves_half_of_them(name):
    resources = CONTAINERS[name]["resources"]
    volumes = PODS[name.rpartition("/")[0]]["spec"]["volumes"]
    in_memory = sum(megabytes(volume["emptyDir"]["sizeLimit"]) for volume in volumes)

    assert megabytes(resources["requests"]["memory"]) <= megabytes(resources["limits"]["memory"])
    assert in_memory <= megabytes(resources["limits"]["memory"]) / 2


def test_all_run_the_same_version():
    images = {container["image"] for container in CONTAINERS.values()}

    (image,) = images
    assert re.fullmatch(r"registry\.example\.org/flight-bookings:\d+\.\d+\.\d+", image)


# --- what runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_command_is_one_that_exists(name):
    python, manage, command, *options = CONTAINERS[name]["args"]

    assert (python, manage) == ("python", "manage.py")
    assert "command" not in CONTAINERS[name], "the image's init stays in front"
    load_command_class(get_commands()[command], command).create_parser("manage.py", command).parse_args(options)


@pytest.mark.parametrize("name", [WEB, WORKER])
def test_nothing_starts_before_its_migrations_are_applied(name):
    (first,) = PODS[name]["spec"]["initContainers"]

    assert first["args"] == ["python", "manage.py", "migrate", "--check"]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_probe_asks_whether_this_pod_lives(probe):
    web = CONTAINERS[f"{WEB}/web"]
    ask = web[probe]["httpGet"]

    assert resolve(ask["path"]).func.__name__ == "live"
    assert ask["port"] in {port["name"] for port in web["ports"]}


def test_what_is_asked_to_end_has_the_time_it_needs():
    drain = int(OBJECTS["ConfigMap/bookings-settings"]["data"]["DRAIN_SECONDS"])

    # As docs/operations.md has it: run_web needs DRAIN_SECONDS and 12 s more, run_worker 6 s.
    assert PODS[WEB]["spec"]["terminationGracePeriodSeconds"] >= drain + 12
    assert PODS[WORKER]["spec"]["terminationGracePeriodSeconds"] >= 6


@pytest.mark.parametrize("name", [WEB, WORKER])
def test_one_stays_while_nodes_are_emptied(name):
    deployment = OBJECTS[name]
    budget = OBJECTS[f"PodDisruptionBudget/{deployment['metadata']['name']}"]["spec"]

    assert deployment["spec"]["replicas"] - budget["maxUnavailable"] >= 1
    assert budget["selector"] == deployment["spec"]["selector"]


@pytest.mark.parametrize("name", [WEB, WORKER])
def test_a_selector_finds_its_pods_and_no_others(name):
    wanted = OBJECTS[name]["spec"]["selector"]["matchLabels"]
    found = [other for other, pod in PODS.items() if wanted.items() <= pod["metadata"]["labels"].items()]
    (spread,) = PODS[name]["spec"]["topologySpreadConstraints"]

    assert found == [name]
    assert spread["labelSelector"]["matchLabels"] == wanted


def test_the_way_in_leads_to_the_web_servers_and_past_what_is_for_operators():
    service, ingress = OBJECTS["Service/bookings-web"]["spec"], OBJECTS["Ingress/bookings-web"]["spec"]
    (port,) = service["ports"]
    (rule,) = ingress["rules"]
    paths = {each["path"]: each["backend"]["service"] for each in rule["http"]["paths"]}

    assert service["selector"] == OBJECTS[WEB]["spec"]["selector"]["matchLabels"]
    assert port["targetPort"] in {each["name"] for each in CONTAINERS[f"{WEB}/web"]["ports"]}
    assert set(paths) == {"/api", "/admin", "/static"}
    assert all(to == {"name": "bookings-web", "port": {"name": port["name"]}} for to in paths.values())
    assert rule["host"] == OBJECTS["ConfigMap/bookings-settings"]["data"]["ALLOWED_HOSTS"]
    assert ingress["tls"][0]["hosts"] == [rule["host"]]


def test_prometheus_finds_a_workers_numbers_where_the_port_is_named():
    worker = CONTAINERS[f"{WORKER}/worker"]

    assert [str(port["containerPort"]) for port in worker["ports"]] == [settings_of(worker)["WORKER_METRICS_PORT"]]


# --- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_setting_is_one_that_env_example_explains(name):
    explained = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))

    assert set(settings_of(CONTAINERS[name])) - explained == set()


def test_only_migrate_may_change_tables():
    users = {name: settings_of(each)["DATABASE_URL"].split(":")[1].strip("/") for name, each in CONTAINERS.items()}

    assert users.pop(f"{MIGRATE}/migrate") == "bookings_migrate"
    assert set(users.values()) == {"bookings"}


def test_no_secret_stands_in_the_files_and_none_among_the_plain_settings():
    for kind in ("bookings-secrets", "bookings-migrate-secrets"):
        values = OBJECTS[f"Secret/{kind}"]["stringData"]
        assert {name for name, value in values.items() if "change-me" not in value} == set()
    assert "change-me" not in str(OBJECTS["ConfigMap/bookings-settings"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTAINERS)
def test_the_service_accepts_these_settings_once_the_secrets_are_filled_in(name, tmp_path):
    filled_in = {
        setting: secrets.token_urlsafe(64) if value == "change-me" else value.replace("change-me", "s3cret")
        for setting, value in settings_of(CONTAINERS[name]).items()
    }

    done = check(filled_in, tmp_path)

    # That no one pays is all that is warned of: an example cannot have an account.
    assert re.findall(r"\(\w+\.\w+\)", done.stderr) == ["(bookings.W006)"], done.stderr
    assert "System check identified 1 issue" in done.stderr


@pytest.mark.slow
def test_it_refuses_them_as_they_stand_in_the_file(tmp_path):
    done = check(settings_of(CONTAINERS[f"{WEB}/web"]), tmp_path)

    assert done.returncode == 1
    assert "SECRET_KEY" in done.stderr


def check(settings, folder):
    """Run the checks for production with these settings alone."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "ENV_FILE": "", **settings}
    return start("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=environment)
