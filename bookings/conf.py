"""The settings and limits that booking code reads. Each limit says its unit and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

# JavaScript, and other clients that read JSON's numbers as floating point, tell integers apart only up to here:
# beyond, two bookings or two sums would look the same to them. So no id and no sum that a client sends is greater.
# Our ids are counted from 1: a thousand bookings a second reach this in 285,000 years.
HIGHEST_NUMBER = 2**53 - 1
HIGHEST_ID = HIGHEST_NUMBER

# Flight numbers and codes of airports have a handful of characters; what is longer is not kept.
LONGEST_NAME_OF_A_FLIGHT = 16

# A time outside of these is a mistake of the Flight Service.
YEARS_OF_FLIGHTS = range(1970, 2200)

# What a client may keep with a booking: all of it fits a body.
LONGEST_CLIENT_REFERENCE = 200
MOST_METADATA = 50
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 500

# A database comes back from a restart or a failover within a few of these; so does a user service.
RETRY_AFTER_SECONDS = 5

# A request thread has this long for the seats: GET, PATCH and one repetition.
CREATE_DEADLINE_SECONDS = 4.0

# Below this, a repetition could not finish inside the request's deadline.
RETRY_NEEDS_SECONDS = 1.5

# The Flight Service serves a few dozen calls at once; more would wait there. See also `calls_at_once`.
CALLS_AT_ONCE = 32

# Bursts of lost answers are retried; where most calls fail, one in ten is retried, not each of them.
RETRY_BUDGET = 10
SUCCESSES_PER_RETRY = 10

# The calls that the breaker judges by: few enough to notice an outage within a second of traffic.
BREAKER_WINDOW = 20

# Fewer calls than this are no sample: one lost answer of two would be half of them.
BREAKER_CALLS_NEEDED = 10

# A service with little traffic never has a sample; five in a row are no accident.
BREAKER_FAILURES_IN_A_ROW = 5

# Of the failures about one flight so many count as failures of the Flight Service, so that it takes three flights
# to open the breaker of all: one that it cannot serve has a breaker of its own.
BREAKER_FAILURES_PER_FLIGHT = 2

# Failing flights that are watched at once: a place for each flight that a client asks for would fill the memory.
BREAKERS_OF_FLIGHTS = 1_000

# Asked for to find out whether the Flight Service answers: that there is no such flight is an answer too.
PROBED_FLIGHT = 1

# As long as clients are told to wait, and half the time between two passes of the worker.
BREAKER_OPEN_SECONDS = 5.0

# One answer may be luck.
BREAKER_CLOSES_AFTER = 3

# Twice what a call may take: a probe that is not back by then is given up.
BREAKER_PROBE_SECONDS = 10.0

# Servers that keep time differ by less, so a failover stays below it; a lease of 15 s is then still twice a call.
CLOCK_TOLERANCE = timedelta(seconds=5)

# A wrong time that a machine starts with is put right within a minute or two; a third of a payment window.
CLOCK_PROOF_SECONDS = 300.0

# A worker has more patience than a client, yet much less than a lease.
WORKER_CALL_SECONDS = 5.0

# More than twice what a call may take, whatever the peer drips.
LEASE = timedelta(seconds=15)

# Lease or pause 15 s, next pass 10 s, call 5 s: seats are in step 30 s after the Flight Service answers again.
LONGEST_PAUSE = timedelta(seconds=15)

# Four times the longest lease or pause of a call: one that ends later was written by a clock that was ahead.
LONGEST_WAIT = 4 * max(LEASE, LONGEST_PAUSE) + CLOCK_TOLERANCE

# The Flight Service may forget keys after seven days; staff want six of them to look at what is stuck.
RETRIES_END_AFTER = timedelta(hours=24)

# The Flight Service keeps keys for seven days: what staff send again on the sixth still finds its key there.
STAFF_RETRIES_END_AFTER = timedelta(days=6)

# Of a refund that a gateway has and has not made: most are made within minutes, and some take days.
FIRST_LOOK_PAUSE = timedelta(minutes=1)
LAST_LOOK_PAUSE = timedelta(hours=1)

# From then on a refund is looked at after the longer pause.
OFTEN_LOOKED_AT_FOR = timedelta(hours=1)

# Of a Flight Service without keys: six times what a call may take, so that no turn ends while its holder is sending.
GATE_LEASE = timedelta(seconds=30)

# A client waits four seconds in all. A turn takes a few hundredths of one.
GATE_WAIT_SECONDS = 1.0

# What a change of seats takes at the least: to look more often would only cost statements.
GATE_LOOK_EVERY_SECONDS = 0.02

# With less time than this for the answer, sending is a gamble; its price is a flight that cannot be booked.
GATE_SEND_NEEDS_SECONDS = 2.0

# A note of support staff; the column's own length.
LONGEST_NOTE = 500

# A note on a case; the column has to take the name of a colleague as well.
LONGEST_CASE_NOTE = 300

# Where money went back on another way: the number of a bank transfer; the column's own length.
LONGEST_REFUND_REFERENCE = 100

# What a request may take to open a payment and to charge it: a customer waits, and a bank may be slow.
PAYMENT_REQUEST_SECONDS = 10.0
PAYMENT_OPEN_SECONDS = 3.0
PAYMENT_CHARGE_SECONDS = 7.0

# Of one call of the worker to a gateway.
PAYMENT_WORKER_SECONDS = 8.0

# Nearly three times what a request may take with a gateway.
PAYMENT_LEASE = timedelta(seconds=30)

# Who begins to pay at the end of the payment window has this long with their bank.
PAYER_HAS_AT_LEAST = timedelta(minutes=5)

# How often the worker asks about a payment whose payer, or bank, has not decided: it holds nothing up.
LOOK_EVERY = timedelta(seconds=60)

# The announcer locks this many bookings at most, for some hundredths of a second: who pays one of them waits so long.
ANNOUNCEMENTS_AT_ONCE = 100

# A booking about which nothing can be told is looked at again after this; it is logged each time.
ANNOUNCEMENT_RESTS = timedelta(minutes=1)

# A client that was away for three weeks still finds what has happened.
ANNOUNCEMENT_RETENTION = timedelta(days=30)

# The hourly look for news that was never told goes back so far: nothing older can have been missed by it.
LOOKED_FOR_MISSED_NEWS = timedelta(days=1)

# A payment that no request goes on with is closed after this: its client has gone.
NO_NEWS_FOR = timedelta(seconds=60)

# A gateway takes a few dozen calls a second; customers' own come first.
PAYMENT_CALLS_PER_SECOND = 10
# Of looks that a gateway has asked for by ringing. Stripe answers a hundred a second.
NOTICE_LOOKS_PER_SECOND = 40

# How soon a client may repeat a payment that waits for its payer or a bank.
PAYMENT_RETRY_AFTER_SECONDS = 2

# Tokens of payers that gateways make have some dozens of characters.
LONGEST_PAYER_TOKEN = 255

# So long after its time to charge, a payment without an answer no longer keeps seats from others.
PAYMENT_ANSWER_LIMIT = timedelta(minutes=30)

# A client that lost its answer on Friday must still find it on Monday.
IDEMPOTENCY_RETENTION = timedelta(hours=72)

# A limit's window, for requests to the API.
RATE_WINDOW_SECONDS = 60

# Far longer than any window; what is older counts for nothing.
RATE_WINDOW_RETENTION = timedelta(hours=1)

# A session ends by the clock of the web process that it was made by; clocks differ by less than this.
SESSION_RETENTION = timedelta(hours=1)

# Long enough to look into a log-in of the last quarter, and no longer, as it says where people were.
LOG_IN_RETENTION = timedelta(days=180)

# As long as a payer has to dispute a payment, and longer than any gateway repeats a notice.
NOTICE_RETENTION = timedelta(days=90)

# A weekend's night and the day before: what a notice has missed is seen while the customer still remembers it.
PAYMENTS_COMPARED = timedelta(hours=48)

# A comparison of payments names this many differences at most.
DIFFERING_PAYMENTS_NAMED = 100

# At 25 questions a second, with a hundred payments in each answer, a list of 100,000 comes in 40 s. It occupies one of
# the four processes of a worker for so long, once an hour.
PAYMENTS_COMPARED_SECONDS = 60.0

# Staff come back from their holidays and still see what failed, and when.
TASK_RESULT_RETENTION = timedelta(days=30)

# The newest of each task, done and failed: a pass that fails every ten seconds fills the table for 80 minutes.
TASK_RESULTS_KEPT = 500

# One transaction of the reaper deletes this many rows at most, of one table.
REAP_BATCH = 500

# One transaction of the pass locks this many bookings at most.
EXPIRY_BATCH = 500

# One release names this many bookings at most.
RELEASE_BATCH = 5_000

# One look finds so many bookings whose seats are owed, of all flights: one for each flight would read all of them each
# time. They are numbers, of some megabytes.
OWED_AT_ONCE = 100_000

# One bulk cancellation names this many bookings at most: all of them fit into one release, and one page.
BULK_CANCEL_LIMIT = 5_000

# Give up on a row after an hour of internal errors: hundreds of passes have tried, staff must look.
BULK_CANCEL_RETRIES_END_AFTER = timedelta(hours=1)

# Unresolved calls looked at in one pass; the next pass takes the rest.
CALLS_PER_PASS = 200

# Comparisons with the payment gateways that are kept: at one an hour, those of eight days.
RECONCILIATIONS_KEPT = 200

# A comparison names this many flights at most on which the two sides differ, the worst of them.
DRIFTING_FLIGHTS_NAMED = 100

# A flight without seats of ours is compared for so long after the last that was written about it.
RECONCILED_AFTER_CANCELLATION = timedelta(days=1)

# How long a list waits for the replica to have what the primary has; longer than that, it asks the primary.
REPLICA_WAIT_SECONDS = 0.2

# A replica that was behind or away is not asked for so long: lists must not wait for it one after the other.
REPLICA_REST_SECONDS = 5.0

# Six passes of the default interval: a restart of the worker takes less.
WORKER_SILENCE = timedelta(seconds=60)

# One pass begins nothing new after this, so that the worker stays free for the next tick.
PASS_SECONDS = 20.0


def create_threads(threads: int) -> int:
    """
    Tell how many of a web process's threads may create bookings at once: the others never wait for seats.

    No more than the Flight Service is called at once: a create that waits for a thread is in line, one that has a
    thread and may not call has failed.
    """
    return min(CALLS_AT_ONCE, max(1, threads * 5 // 8 - 1))


def calls_at_once() -> int:
    """Tell how many calls to the Flight Service a process makes at once: so many threads can it hold."""
    return create_threads(settings.WEB_THREADS)


def payment_calls_at_once() -> int:
    """Tell how many calls to a payment gateway a process makes at once: half of its threads, so that bookings go on."""
    return max(1, settings.WEB_THREADS // 2)


def counter_is_shared() -> bool:
    """
    Whether other systems may change what the Flight Service counts, unseen by us.

    Then a difference may be theirs, and an unkeyed call that has no answer can never be told from one of theirs.
    """
    counter: str = settings.FLIGHT_SERVICE_COUNTER
    return not settings.FLIGHT_SERVICE_KEYED and counter == "shared"


def pass_interval_seconds() -> int:
    """The longest time between two passes of the worker."""
    return int(settings.EXPIRY_INTERVAL_SECONDS)


def unpaid_limits() -> tuple[int, int]:
    """What one user may have unpaid: bookings, and seats on one flight; 0 is no limit."""
    return settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT


def bulk_approval_limits() -> tuple[int, int]:
    """
    What one person may cancel together: bookings, and refunds in minor units of `currency()`; 0 is no limit.

    Beyond either, a second one must approve.
    """
    return settings.BULK_APPROVAL_BOOKINGS, settings.BULK_APPROVAL_REFUNDS


def payment_window() -> timedelta:
    """How long seats are held for an unpaid booking."""
    return timedelta(seconds=settings.PAYMENT_WINDOW_SECONDS)


def remind_before() -> timedelta:
    """How long before the end of its payment window others are told that a booking is not paid for; zero is never."""
    return timedelta(seconds=settings.REMIND_BEFORE_SECONDS)


def bookings_kept() -> timedelta | None:
    """How long bookings stay in their tables after their end, at 31 days a month; None: for good."""
    return timedelta(days=31 * settings.KEEP_MONTHS) if settings.KEEP_MONTHS else None


def contact_retention() -> timedelta:
    """How long the contact of a booking is kept after its end, or after its departure."""
    return timedelta(days=settings.CONTACT_RETENTION_DAYS)


def sends_mail() -> bool:
    """Whether travelers are sent mail."""
    return bool(settings.MAIL_SERVER)


def sends_sms() -> bool:
    """Whether travelers who want it are sent SMS, too."""
    return bool(settings.SMS_SERVICE)


def operators_mail() -> str:
    """The address at which operators are told once a day what did not arrive; empty: they are not told."""
    address: str = settings.OPERATORS_MAIL
    return address


def mail_domain() -> str:
    """The domain that mails are sent from; empty where none are sent."""
    return str(settings.MAIL_FROM).rpartition("@")[2].rstrip(">")


def currency() -> str:
    """What prices are in where the Flight Service does not say it: an ISO 4217 code."""
    return str(settings.CURRENCY)


def peer_knows_keys() -> bool:
    """Whether the Flight Service carries out a seat change once, however often it is sent under its key."""
    return bool(settings.FLIGHT_SERVICE_KEYED)


def seats_have_numbers() -> bool:
    """Whether seats can be wanted by number, where the Flight Service shows a map of them."""
    return bool(settings.FLIGHT_SERVICE_SEAT_NUMBERS)


def clock_proof_seconds() -> float:
    """
    How long a database clock that jumped must stand before it is trusted, if no operator vouches for it.

    Longer than any turn at a flight without keys, so that no turn is ended whose holder may still be sending.
    """
    turn = 0.0 if settings.FLIGHT_SERVICE_KEYED else settings.FLIGHT_SERVICE_SETTLE_SECONDS
    return max(CLOCK_PROOF_SECONDS, turn + 2 * GATE_LEASE.total_seconds())


def longest_silence() -> timedelta:
    """How old the last pass may be before the worker counts as silent."""
    return max(WORKER_SILENCE, timedelta(seconds=3 * pass_interval_seconds()))


def customer_address(user_id: int) -> str:
    """The page of this user in another system, for staff to open; empty where the settings name none."""
    return str(settings.CUSTOMER_URL_TEMPLATE).replace("{id}", str(user_id))


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """What the settings say of log-ins at the identity provider."""

    # By the provider's word for a group, ours.
    groups: Mapping[str, str]
    groups_claim: str
    links_by_email: bool
    creates_accounts: bool
    is_second_factor: bool


def single_sign_on() -> SingleSignOn:
    """The rules by which a log-in at the identity provider opens an account here."""
    return SingleSignOn(
        groups=settings.OIDC_GROUPS,
        groups_claim=settings.OIDC_GROUPS_CLAIM,
        links_by_email=settings.OIDC_LINK_BY_EMAIL,
        creates_accounts=settings.OIDC_CREATE_ACCOUNTS,
        is_second_factor=settings.OIDC_IS_SECOND_FACTOR,
    )


def second_factor_groups() -> list[str]:
    """The groups of staff whose members must have a second factor; "*" stands for all staff."""
    names: list[str] = settings.STAFF_SECOND_FACTOR_GROUPS
    return names
