"""No protocol can go wrong within its bounds, and each can without any one of its rules."""

import pytest

from tests.model.explore import explore
from tests.model.scenarios import MODELS

QUICK = [(name, scenario) for name, model in MODELS.items() for scenario in model.quick]
FULL = [(name, scenario) for name, model in MODELS.items() for scenario in model.full]
BROKEN = [(name, rule) for name, model in MODELS.items() for rule in model.broken]


@pytest.mark.parametrize(("name", "scenario"), QUICK)
def test_nothing_goes_wrong_and_each_state_leads_to_an_end(name, scenario):
    model = MODELS[name]

    assert str(explore(model.of(model.quick[scenario]))).endswith(": all is right")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "scenario"), FULL)
def test_nothing_goes_wrong_with_more_faults_at_once(name, scenario):
    model = MODELS[name]

    assert str(explore(model.of(model.full[scenario]))).endswith(": all is right")


@pytest.mark.parametrize(("name", "rule"), BROKEN)
def test_a_protocol_without_this_rule_goes_wrong(name, rule):
    model = MODELS[name]
    broken = model.broken[rule]

    found = explore(model.of(broken.bounds, rule), only=broken.wrong)

    assert (found.wrong, found.trace != ()) == (broken.wrong, True)


@pytest.mark.parametrize("name", MODELS)
def test_within_the_same_bounds_nothing_goes_wrong_with_all_rules(name):
    model = MODELS[name]

    assert {explore(model.of(bounds)).wrong for bounds in {broken.bounds for broken in model.broken.values()}} == {""}
