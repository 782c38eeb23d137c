"""Refunds in the back office: where they are shown, what each decision about one costs, and what came of it."""

import pytest

from bookings.models import BookingEvent, Refund
from tests.support.bookings import a_payment_row, a_refund_row, a_saved_row, an_owed_refund, let_time_pass, one_pass
from tests.support.calls import a_dead_refund, links_of, refund_address, why
from tests.support.fakes import ChargeFault
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

REFUNDS = "/admin/bookings/refund/"
WORDS = ("retry", "applied", "not-applied")


@pytest.fixture
def desk(payments):
    return desk_of(a_person(group="Supervisor"))


def page_of(refund):
    return f"{REFUNDS}{refund.pk}/change/"


def listed(desk, **query):
    answer = desk.get(REFUNDS, query)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.slow
def test_they_can_be_listed_by_what_they_wait_for_and_by_how_they_stand(desk):
    rows = {state: an_owed_refund(state).pk for state in ("due", "sent", "done", "failed", "elsewhere", "dead")}
    rows |= {decision: an_owed_refund("failed", decision=decision).pk for decision in ("again", "replaced", "left")}

    def words(**query):
        return {word for word, number in rows.items() if number in listed(desk, **query)}

    assert words() == set(rows)
    assert {word: words(**{"is": word}) for word in rows if word != "due"} == {w: {w} for w in rows if w != "due"}
    assert words(needs="undecided") == {"dead", "failed"}
    assert words(needs="refund") == {"due"}


def test_those_that_were_made_on_the_gateways_pages_can_be_listed(desk):
    an_owed_refund("done")
    theirs = an_owed_refund("done", source="gateway")

    assert listed(desk, **{"from": "gateway"}) == [theirs.pk]


@pytest.mark.slow
def test_one_is_found_by_what_people_and_logs_call_it(desk):
    refund, other = an_owed_refund(gateway_id="re_1", request_id="req-9"), an_owed_refund()
    payment = refund.payment
    typed = (payment.booking.reference, str(refund.key), refund.key.hex.upper(), "re_1", str(payment.gateway_key))

    assert {text: listed(desk, q=text) for text in typed} == {text: [refund.pk] for text in typed}
    assert refund.pk in listed(desk, q=str(refund.pk))
    assert listed(desk, q=str(other.key)) == [other.pk]
    assert listed(desk, q="nothing") == []


def test_a_record_says_all_that_is_known_of_it(desk):
    refund = an_owed_refund("elsewhere", source="gateway", asked_by="ben", note="by hand", gateway_id="re_1")

    text = text_of(desk.get(page_of(refund)))

    for said in ("4,000 XXX", "Refunded on another way", "transfer 17", "ben", "by hand", "re_1", "booking ended"):
        assert said in text
    assert "own pages" in text


def test_the_page_of_a_booking_shows_what_goes_back_of_each_payment(desk):
    payment = a_payment_row(a_saved_row("cancelled"), "refund_due", has_refund=False)
    a_refund_row(payment, "failed", 1000, last_error="card expired", decision="again")
    a_refund_row(payment, "sent", 3000, sent_at=payment.created_at)

    text = text_of(desk.get(f"/admin/bookings/booking/{payment.booking_id}/change/"))

    assert "1,000 XXX ○ Failed: asked for again" in text
    assert "3,000 XXX ◐ Under way at the gateway" in text
    assert "Money: the gateway has had a refund of 3,000 XXX since " in text
    assert "Money: 1,000 XXX is owed back to the customer, and not on its way." in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("due", "Money: a refund of 4,000 XXX is due, next try "),
        ("dead", "Money: the gateway never said whether a refund of 4,000 XXX was made. This needs a decision."),
        ("failed", "Money: a refund of 4,000 XXX failed (card expired). This needs a decision."),
    ],
)
def test_the_page_of_a_booking_says_in_a_sentence_what_becomes_of_a_refund(desk, state, said):
    refund = an_owed_refund(state, last_error="card expired")

    assert said in text_of(desk.get(f"/admin/bookings/booking/{refund.payment.booking_id}/change/"))


@pytest.mark.slow
def test_the_page_of_a_booking_says_what_went_back_of_a_payment_that_is_kept(desk):
    payment = a_payment_row(a_saved_row("booked"), "succeeded")
    a_refund_row(payment, "done", 1000)

    text = text_of(desk.get(f"/admin/bookings/booking/{payment.booking_id}/change/"))

    assert "Money: 1,000 XXX of it refunded on " in text


def test_the_page_of_a_booking_leads_to_the_three_ways_of_deciding(desk):
    refund = a_dead_refund()

    booking = desk.get(f"/admin/bookings/booking/{refund.payment.booking_id}/change/")

    assert "Decide about the refund" in text_of(booking)
    assert f'href="{page_of(refund)}"' in booking.content.decode()
    assert links_of(desk.get(page_of(refund))) == [refund_address(refund, word) for word in WORDS]


def test_what_does_not_wait_for_a_decision_offers_none(desk):
    assert links_of(desk.get(page_of(an_owed_refund()))) == []


@pytest.mark.slow
def test_after_six_days_nothing_is_sent_again(desk, payments):
    refund = a_dead_refund(hours=6 * 24 + 1)

    links = links_of(desk.get(page_of(refund)))
    answer = desk.post(refund_address(refund, "retry"), why("please"))

    assert links == [refund_address(refund, word) for word in WORDS[1:]]
    assert answer.status_code == 409
    assert payments.asked == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("retry", "the customer gets 4,000 XXX twice"),
        ("applied", "the customer never gets the money back"),
        ("not-applied", "as a new refund with a new key"),
    ],
)
def test_the_page_of_a_decision_says_what_it_costs(desk, word, said):
    assert said in text_of(desk.get(refund_address(a_dead_refund(), word)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        ("applied", "done", "The money is refunded."),
        ("not-applied", "failed", "The money is refunded within seconds, as a new refund."),
    ],
)
def test_a_decision_is_carried_out_and_said(desk, word, state, said):
    refund = a_dead_refund()

    answer = desk.post(refund_address(refund, word), why("Their pages show it."), follow=True)

    refund.refresh_from_db()
    assert refund.state == state
    assert answer.redirect_chain == [(page_of(refund), 302)]
    assert said in text_of(answer)
    assert BookingEvent.objects.get(actor_kind="staff", note="Their pages show it.").request_id != ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, "The money is refunded."),
        (ChargeFault.UNKNOWN, "No answer again. It was first sent more than 24 hours ago"),
        (ChargeFault.REFUND_WAITS, "The gateway has the refund, and has not made it yet."),
        (ChargeFault.REFUND_FAILS, "The gateway says that this refund failed. It waits for a decision."),
    ],
)
def test_what_came_of_a_retry_is_said(desk, payments, fault, said):
    refund = a_dead_refund()
    payments.charges[refund.payment.gateway_key] = ("", refund.money)
    payments.fail_next(*[fault] if fault else [])

    answer = desk.post(refund_address(refund, "retry"), why("once more", about="dead"), follow=True)

    assert said in text_of(answer)


@pytest.mark.slow
def test_a_page_that_is_sent_again_when_its_retry_is_dead_again_says_that_nothing_was_sent(desk, flights, payments):
    refund, form = a_dead_refund(), why("once more", about="dead")
    payments.down = True
    desk.post(refund_address(refund, "retry"), form)
    let_time_pass(minutes=1)
    one_pass(flights, payments)
    asked = len(payments.asked)

    answer = desk.post(refund_address(refund, "retry"), form, follow=True)

    assert "It waits for a decision. If this page was sent before, nothing was sent this time" in text_of(answer)
    assert len(payments.asked) == asked


@pytest.mark.slow
def test_the_second_click_while_the_gateway_is_asked_says_so(desk, payments):
    refund, form = a_dead_refund(), why("once more", about="dead")
    payments.charges[refund.payment.gateway_key] = ("", refund.money)
    second_click = []

    def click_again():
        second_click.append(desk.post(refund_address(refund, "retry"), form, follow=True))

    payments.meanwhile(click_again)
    first_click = desk.post(refund_address(refund, "retry"), form, follow=True)

    assert "The payment gateway is being asked." in text_of(second_click[0])
    assert "The money is refunded." in text_of(first_click)
    assert len(payments.asked) == 1


@pytest.mark.slow
def test_what_a_colleague_has_decided_is_shown(desk):
    refund = a_dead_refund()
    desk_of(a_person("ben", group="Supervisor")).post(refund_address(refund, "applied"), why("first"))

    answer = desk.post(refund_address(refund, "not-applied"), why("I wrote a lot here"))

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This call does not wait for a decision any more. Nothing was changed." in text
    assert "Outcome of the refund decided, ben" in text
    assert "I wrote a lot here" in text


@pytest.mark.slow
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("group", ["Support", "Auditor"])
def test_who_lacks_the_right_sees_the_refund_and_decides_nothing(payments, group, word):
    refund = a_dead_refund()
    desk = desk_of(a_person(group=group))

    shown = desk.get(page_of(refund))
    refused = [desk.get(refund_address(refund, word)), desk.post(refund_address(refund, word), why("please"))]

    assert (shown.status_code, links_of(shown)) == (200, [])
    assert "To decide needs the right bookings.resolve_payment." in text_of(shown)
    assert [answer.status_code for answer in refused] == [403, 403]
    assert (Refund.objects.get().state, payments.asked, BookingEvent.objects.count()) == ("dead", [], 0)


def test_a_refund_that_is_not_there_is_not_found(desk):
    assert [desk.get(f"{REFUNDS}9/{word}/").status_code for word in WORDS] == [404] * 3
