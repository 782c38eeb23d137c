"""What the doctor says of a Galera cluster, by what a node shows of it."""

import pytest

from bookings.diagnostics.cluster import check_cluster, judge

WELL = {
    "wsrep_on": "ON",
    "wsrep_sync_wait": "7",
    "wsrep_cluster_size": "3",
    "wsrep_cluster_status": "Primary",
    "wsrep_local_state_comment": "Synced",
}


def said(*, is_expected=True, **changed):
    return [(each.verdict, each.message) for each in judge({**WELL, **changed}, is_expected=is_expected)]


def test_a_cluster_of_three_in_step_is_well():
    assert said() == [("OK", "3 nodes; this one has caught up")]
    assert said(wsrep_cluster_size="5") == [("OK", "5 nodes; this one has caught up")]


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({"wsrep_on": "OFF"}, "FAIL", "a node of none"),
        ({"wsrep_sync_wait": "0"}, "FAIL", "wsrep_sync_wait=0 in this session, where 7 was asked for"),
        ({"wsrep_sync_wait": "6"}, "FAIL", "wsrep_sync_wait=6"),
        ({"wsrep_cluster_status": "non-Primary"}, "FAIL", "it has no majority"),
        ({"wsrep_cluster_size": "2"}, "WARN", "2 nodes: with one more lost none may write"),
        ({"wsrep_cluster_size": "4"}, "WARN", "4 nodes: with one half cut off none may write"),
        ({"wsrep_local_state_comment": "Donor/Desynced"}, "WARN", "'Donor/Desynced'"),
    ],
)
def test_what_takes_a_promise_away_is_named(changed, verdict, words):
    ((found, message),) = said(**changed)

    assert (found, words in message) == (verdict, True)


def test_a_node_that_the_settings_know_nothing_of_is_a_fault():
    ((verdict, message),) = said(is_expected=False)

    assert (verdict, "DATABASE_CLUSTER does not say so" in message) == ("FAIL", True)


@pytest.mark.django_db
def test_nothing_is_said_where_there_is_none():
    assert said(is_expected=False, wsrep_on="OFF") == []
    assert list(check_cluster()) == []
