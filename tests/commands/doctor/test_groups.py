"""manage.py doctor: a group that a setting names, and that is not there, is named."""

import pytest
from django.contrib.auth.models import Group

from tests.support.people import make_groups

pytestmark = pytest.mark.django_db

SUBJECT = "groups of staff"
ADVICE = "Here are: Auditor, Supervisor, Support. Correct the setting, and restart the web servers."


@pytest.fixture(autouse=True)
def groups(db):
    """The three that are made with the tables."""
    Group.objects.all().delete()
    make_groups()


def test_a_misspelled_group_that_must_have_a_second_factor_is_named(run, a_working_worker, settings):
    settings.STAFF_SECOND_FACTOR_GROUPS = ["Support", "Superviser"]

    code, lines = run()

    found = "STAFF_SECOND_FACTOR_GROUPS names 'Superviser', and there is no such group"
    assert code == 1
    assert lines[SUBJECT] == ("FAIL", f"{found}: who is meant logs in without a second factor", ADVICE)


def test_a_misspelled_group_of_single_sign_on_is_named(run, a_working_worker, settings):
    settings.OIDC_GROUPS = {"desk": "Support", "leads": "Leads"}

    code, lines = run()

    found = "OIDC_GROUPS names 'Leads', and there is no such group: who is meant gets no rights"
    assert (code, lines[SUBJECT]) == (1, ("FAIL", found, ADVICE))


@pytest.mark.parametrize(
    ("must_have_a_factor", "of_the_provider"), [(["*"], {"desk": "Support"}), (["Support", "Auditor"], {})]
)
def test_groups_that_are_there_are_in_order(run, a_working_worker, settings, must_have_a_factor, of_the_provider):
    settings.STAFF_SECOND_FACTOR_GROUPS, settings.OIDC_GROUPS = must_have_a_factor, of_the_provider

    assert run()[1][SUBJECT] == ("OK", "each that the settings name is there", "")


def test_without_such_settings_groups_are_no_subject(run, a_working_worker):
    assert SUBJECT not in run()[1]
