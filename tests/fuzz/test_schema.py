"""
Generated requests, valid and not, against the served API: every answer is one that its own document describes.

`python -m tests.campaigns fuzz` is the long form.
"""

from functools import partial

import pytest

from bookings.models import Booking
from tests.fuzz.run import DOCUMENT, OWN_CHECKS, PHASES, fuzz
from tests.fuzz.service import a_service_and_customers, start_service
from tests.races.crowd import all_at_once

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

FEWEST_CASES = 1000
# Nothing is decided by it: 20 s on two idle cores, many times that on a busy machine.
LIMIT_SECONDS = 480

BUILT_IN_CHECKS = {
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "negative_data_rejection", "positive_data_acceptance"),
    *("missing_required_header", "unsupported_method", "allow_header_conformance", "use_after_free"),
    *("ensure_resource_availability", "ignored_auth", "object_level_authorization"),
}


@pytest.mark.timeout(LIMIT_SECONDS + 60)
def test_no_generated_request_gets_an_answer_that_the_document_does_not_describe(tmp_path):
    # Few seats: the last of a flight is sold, and somebody comes too late.
    with start_service(capacity=150) as service:
        callers = a_service_and_customers(service_examples=40, customer_examples=20, seed=1)

        outcome = fuzz(service.url, callers, folder=tmp_path, limit=LIMIT_SECONDS)

        answered = service.answered()
        assert outcome.failures == []
        assert outcome.cases >= FEWEST_CASES
        assert len(answered) >= outcome.cases
        assert [line for line in answered if line["status"] >= 500] == []
        assert [status for status in outcome.statuses if status >= 500] == []
        assert service.what_is_wrong() == []
    # Nothing of all this was asked in vain.
    assert set(outcome.phases) == PHASES
    assert set(outcome.checks) >= BUILT_IN_CHECKS | OWN_CHECKS
    assert {200, 201, 400, 401, 404, 405, 409, 415} <= set(outcome.statuses)
    assert {"initiated", "booked", "cancelled"} == set(Booking.objects.values_list("status", flat=True))


def test_clients_that_are_the_first_to_ask_for_the_document_and_ask_at_once_get_the_same():
    with start_service(capacity=1) as service:
        answers = all_at_once([partial(service.web.ask, "GET", DOCUMENT)] * 8)

    assert [answer.status for answer in answers] == [200] * 8
    assert len({answer.body for answer in answers}) == 1
