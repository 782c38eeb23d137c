"""The files of a Galera cluster: what three nodes have in common, what haproxy asks, and what it hears."""

import configparser
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from devtools.processes import HOST, REPOSITORY, free_port
from tests.support.http import exchange
from tests.support.processes import Server, python
from tests.support.proxy import PROGRAM

FILES = REPOSITORY / "deploy" / "galera"
NODES = ("node1", "node2", "node3")
# What a node has of its own.
OWN = {"bind_address", "wsrep_node_name", "wsrep_node_address", "wsrep_sst_donor", "server_id"}
IN_STEP = "wsrep_cluster_status\tPrimary\nwsrep_local_state\t4\nwsrep_ready\tON\n"


def settings_of(name):
    parser = configparser.ConfigParser()
    parser.read_string((FILES / f"{name}.cnf").read_text())
    return dict(parser["mariadbd"])


def test_the_nodes_differ_in_what_is_their_own_alone():
    all_of_them = [settings_of(name) for name in NODES]

    common = [{key: value for key, value in each.items() if key not in OWN} for each in all_of_them]
    assert common[0] == common[1] == common[2]
    assert all(len({each[key] for each in all_of_them}) == 3 for key in OWN)
    assert [each["bind_address"] for each in all_of_them] == [each["wsrep_node_address"] for each in all_of_them]
    assert (
        all_of_them[0]["wsrep_cluster_address"] == f"gcomm://{','.join(each['bind_address'] for each in all_of_them)}"
    )


def test_a_commit_is_on_disk_before_it_is_reported():
    assert {(each["innodb_flush_log_at_trx_commit"], each["sync_binlog"]) for each in map(settings_of, NODES)} == {
        ("1", "1")
    }


@pytest.mark.parametrize("name", NODES)
def test_a_node_is_filled_neither_by_itself_nor_by_the_one_that_is_written_to_unless_there_is_no_other(name):
    *donors, last = settings_of(name)["wsrep_sst_donor"].split(",")

    assert last == "", "a comma at the end"
    assert donors
    assert {name, "node1"}.isdisjoint(donors)


def test_haproxy_understands_its_file():
    places = {"LISTEN": f"{HOST}:1", "STATS": "/tmp/x", **{f"NODE{n}": f"{HOST}:{n + 1}" for n in (1, 2, 3)}}

    done = subprocess.run(
        [PROGRAM, "-c", "-f", str(FILES / "haproxy.cfg")], env={**os.environ, **places}, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def a_check(folder: Path, said: str, *, seconds: float = 0.0):
    """Run the check of a node whose client says this, after so long."""
    (folder / "said").write_text(said)
    client = folder / "mariadb"
    client.write_text(
        f"#!{sys.executable}\nimport time; time.sleep({seconds}); print(open({str(folder / 'said')!r}).read())"
    )
    client.chmod(0o700)
    port = free_port()
    words = (str(FILES / "cluster_check.py"), "--address", HOST, "--port", str(port), "--defaults-file", "/dev/null")
    server = Server(*python(*words), env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})

    def ask():
        reply = exchange(port, "GET", "/", None, {})
        return reply.status, reply.body.decode().strip()

    with server.running():
        server.await_sign(lambda: _answers(ask))
        yield ask


def _answers(ask):
    try:
        return ask()
    except OSError:
        return None


@pytest.mark.slow
def test_a_node_may_be_written_to_that_belongs_to_the_majority_and_has_caught_up(tmp_path):
    with a_check(tmp_path, IN_STEP) as ask:
        heard = [ask()]
        for before, after in (("Primary", "non-Primary"), ("\t4", "\t2"), ("ON", "OFF")):
            (tmp_path / "said").write_text(IN_STEP.replace(before, after))
            heard.append(ask())

    assert heard == [
        (200, "in step"),
        (503, "WSREP_CLUSTER_STATUS=non-Primary"),
        (503, "WSREP_LOCAL_STATE=2"),
        (503, "WSREP_READY=OFF"),
    ]


@pytest.mark.slow
def test_a_node_that_hangs_may_not(tmp_path):
    with a_check(tmp_path, IN_STEP, seconds=5) as ask:
        assert ask() == (503, "no answer: TimeoutExpired")
