"""Single sign-on: whose account a log-in at the identity provider opens, and what proves nothing."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from bookings.models import LogInEvent, StaffIdentity
from tests.support.identity_provider import CLIENT, SECRET
from tests.support.log_in import RIGHT
from tests.support.people import make_groups, text_of

pytestmark = pytest.mark.django_db

SSO, BACK, CONNECT, OWN = (f"/admin/{page}/" for page in ("sso", "sso/back", "sso/connect", "log-in"))
PAGE = "/admin/bookings/booking/"


@pytest.fixture
def anna(db):
    """Anna, who works in support, and has an address."""
    make_groups()
    anna = User.objects.create_user("anna", email="anna@example.org", password=RIGHT, is_staff=True)
    anna.groups.add(Group.objects.get(name="Support"))
    return anna


def there_and_back(provider, browser=None, **brought):
    """Log in at the provider, and give the browser and what it gets when it comes back."""
    browser = browser or Client()
    there = browser.get(SSO, {"next": PAGE})
    assert there.status_code == 302
    return browser, browser.get(BACK, {**provider.log_in(there.headers["Location"]), **brought})


def is_inside(browser):
    return browser.get(PAGE).status_code == 200


def connected(user, provider, subject="person-1"):
    """Connect an account as its user does."""
    browser = Client()
    browser.force_login(user)
    page = browser.post(CONNECT, {"password": RIGHT})
    provider.claims["sub"] = subject
    return browser.get(BACK, provider.log_in(page.context["address"]))


# --- whose account ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_connected_account_is_opened(provider, anna):
    connected(anna, provider)

    browser, answer = there_and_back(provider)

    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    assert is_inside(browser)
    kinds = list(LogInEvent.objects.order_by("pk").values_list("what", "proof"))
    assert kinds == [("factor_added", "single_sign_on"), ("logged_in", "single_sign_on")]


def test_an_account_of_the_same_address_is_not_opened(provider, anna):
    provider.claims.update(email="anna@example.org", email_verified=True, preferred_username="anna")

    browser, answer = there_and_back(provider)

    assert answer.status_code == 403
    assert "opens no account here" in text_of(answer)
    assert not is_inside(browser)
    assert not StaffIdentity.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": "Anna@example.org", "email_verified": True}, 302),
        ({"email": "anna@example.org", "email_verified": False}, 403),
        ({"email": "anna@example.org", "email_verified": "true"}, 403),
        ({"email": "anna@example.org"}, 403),
        ({"email": "", "email_verified": True}, 403),
        # Equal to the database: addresses of strangers, who can verify them.
        ({"email": "ánna@example.org", "email_verified": True}, 403),
        ({"email": "anna@example.org ", "email_verified": True}, 403),
        ({"email": "anna@exampl\u212f.org", "email_verified": True}, 403),
        ({"email": "anna@example.org\ud800", "email_verified": True}, 403),
    ],
)
def test_a_verified_address_finds_an_account_where_the_settings_say_so(provider, anna, settings, claims, status):
    settings.OIDC_LINK_BY_EMAIL = True
    provider.claims.update(claims)

    assert there_and_back(provider)[1].status_code == status


def test_an_account_whose_address_looks_alike_takes_none_from_its_owner(provider, anna, settings):
    settings.OIDC_LINK_BY_EMAIL = True
    User.objects.create_user("ann", email="ánna@example.org", is_staff=True)
    provider.claims.update(email="anna@example.org", email_verified=True)

    assert there_and_back(provider)[1].status_code == 302
    assert StaffIdentity.objects.get().user == anna


@pytest.mark.slow
@pytest.mark.parametrize("who", ["superuser", "two", "connected"])
def test_an_address_never_finds_a_superuser_nor_one_of_two_nor_one_that_is_connected(provider, anna, settings, who):
    settings.OIDC_LINK_BY_EMAIL = True
    if who == "superuser":
        User.objects.update(is_superuser=True)
    elif who == "two":
        User.objects.create_user("bert", email="ANNA@example.org", is_staff=True)
    else:
        connected(anna, provider, subject="another person")
    provider.claims.update(sub="person-1", email="anna@example.org", email_verified=True)

    assert there_and_back(provider)[1].status_code == 403


@pytest.mark.slow
def test_an_account_is_made_where_the_settings_say_so_and_its_groups_are_named(provider, anna, settings):
    settings.OIDC_CREATE_ACCOUNTS, settings.OIDC_GROUPS = True, {"desk": "Support", "leads": "Supervisor"}
    provider.claims.update(preferred_username="berta", groups=["desk", "canteen"])

    browser, answer = there_and_back(provider)

    berta = User.objects.get(username="berta")
    assert answer.status_code == 302
    assert is_inside(browser)
    assert (berta.is_staff, berta.is_superuser, berta.has_usable_password()) == (True, False, False)
    assert [group.name for group in berta.groups.all()] == ["Support"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "Anna", "groups": ["desk"]},
        {"preferred_username": "berta", "groups": ["canteen"]},
        {"preferred_username": "berta"},
        {"preferred_username": "", "groups": ["desk"]},
        {"preferred_username": ["berta"], "groups": ["desk"]},
        {"groups": ["desk"]},
    ],
    ids=["name taken", "no group of ours", "no groups", "no name", "a list", "nameless"],
)
def test_no_account_is_made_of(provider, anna, settings, claims):
    settings.OIDC_CREATE_ACCOUNTS, settings.OIDC_GROUPS = True, {"desk": "Support"}
    provider.claims.update(claims)

    assert there_and_back(provider)[1].status_code == 403
    assert User.objects.count() == 1


@pytest.mark.slow
def test_groups_follow_the_provider_at_each_log_in(provider, anna, settings):
    connected(anna, provider)
    anna.groups.add(Group.objects.get(name="Auditor"))
    settings.OIDC_GROUPS = {"desk": "Support", "leads": "Supervisor"}
    provider.claims.update(groups="leads")

    there_and_back(provider)

    assert set(anna.groups.values_list("name", flat=True)) == {"Auditor", "Supervisor"}
    provider.claims.update(groups=[])
    assert there_and_back(provider)[1].status_code == 403
    assert set(anna.groups.values_list("name", flat=True)) == {"Auditor"}


@pytest.mark.slow
@pytest.mark.parametrize("column", ["is_active", "is_staff"])
def test_an_account_that_may_not_come_in_does_not(provider, anna, column):
    connected(anna, provider)
    User.objects.update(**{column: False})

    assert there_and_back(provider)[1].status_code == 403


@pytest.mark.slow
@pytest.mark.server
def test_a_subject_in_other_letters_is_another_person(provider, anna):
    connected(anna, provider, subject="person-a")
    provider.claims.update(sub="Person-A")

    assert there_and_back(provider)[1].status_code == 403


@pytest.mark.slow
def test_an_identity_opens_one_account(provider, anna):
    connected(anna, provider)
    bert = User.objects.create_user("bert", password=RIGHT, is_staff=True)

    assert connected(bert, provider).status_code == 403
    assert StaffIdentity.objects.get().user == anna


@pytest.mark.slow
def test_an_account_is_connected_and_parted_by_its_password(provider, anna):
    browser = Client()
    browser.force_login(anna)
    refused = browser.post(CONNECT, {"password": "wrong"})
    connected(anna, provider)

    browser.post("/admin/sso/disconnect/", {"password": "wrong"})
    assert StaffIdentity.objects.exists()
    browser.post("/admin/sso/disconnect/", {"password": RIGHT})

    assert "That is not right" in text_of(refused)
    assert not StaffIdentity.objects.exists()


# --- with a second factor -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("amr", "trusted", "onward"),
    [
        (None, False, "/admin/second-factor/add/"),
        (["pwd", "mfa"], False, PAGE),
        ("mfa", False, "/admin/second-factor/add/"),
        (None, True, PAGE),
    ],
)
def test_a_second_factor_is_asked_for_unless_the_provider_has(provider, anna, settings, amr, trusted, onward):
    connected(anna, provider)
    settings.STAFF_SECOND_FACTOR_GROUPS, settings.OIDC_IS_SECOND_FACTOR = ["Support"], trusted
    provider.claims.update(amr=amr)

    browser, answer = there_and_back(provider)

    assert answer.headers["Location"] == onward
    assert is_inside(browser) == (onward == PAGE)


# --- what proves nothing --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example.org"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"nonce": "another log-in"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "\ud800"},
    ],
    ids=str,
)
def test_a_token_that_says_otherwise_lets_nobody_in(provider, anna, wrong):
    connected(anna, provider)
    provider.wrong = wrong

    browser, answer = there_and_back(provider)

    assert answer.status_code == 403
    assert "Begin again" in text_of(answer)
    assert not is_inside(browser)


@pytest.mark.slow
def test_a_token_of_another_signer_lets_nobody_in(provider, anna):
    connected(anna, provider)
    provider.signer = "a stranger"

    assert there_and_back(provider)[1].status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{"kid": "another"}, {"kid": None}, {"crit": ["x"], "x": 1}])
def test_a_token_with_another_header_lets_nobody_in(provider, anna, headers):
    connected(anna, provider)
    provider.headers = headers

    assert there_and_back(provider)[1].status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize(
    "brought", [{"state": "another"}, {"state": ""}, {"code": ""}, {"code": "made up"}, {"code": "x" * 3000}]
)
def test_what_the_browser_brings_otherwise_lets_nobody_in(provider, anna, brought):
    connected(anna, provider)

    assert there_and_back(provider, **brought)[1].status_code == 403


@pytest.mark.slow
def test_another_browser_cannot_bring_what_this_one_was_given(provider, anna):
    connected(anna, provider)
    there = Client().get(SSO)

    answer = Client().get(BACK, provider.log_in(there.headers["Location"]))

    assert answer.status_code == 403


@pytest.mark.slow
def test_a_code_works_once(provider, anna):
    connected(anna, provider)
    browser = Client()
    there = browser.get(SSO)
    cookie, brought = browser.cookies["sso"].value, provider.log_in(there.headers["Location"])
    assert browser.get(BACK, brought).status_code == 302
    thief = Client()
    thief.cookies["sso"] = cookie

    assert thief.get(BACK, brought).status_code == 403


@pytest.mark.slow
def test_without_the_keys_of_the_provider_nothing_is_proven_and_it_is_said_to_be_away(provider, anna):
    provider.document = {"jwks_uri": f"{provider.url}/nothing"}

    assert connected(anna, provider).status_code == 503
    assert not StaffIdentity.objects.exists()


@pytest.mark.slow
def test_an_account_that_is_connected_once_more_is_connected_once(provider, anna):
    assert [connected(anna, provider).status_code for _ in range(2)] == [302, 302]
    assert StaffIdentity.objects.count() == 1
    assert LogInEvent.objects.count() == 1


@pytest.mark.slow
def test_a_screen_that_was_left_open_connects_no_other_log_in_with_an_account_without_a_password(provider, anna):
    connected(anna, provider)
    anna.set_unusable_password()
    anna.save()
    browser, _ = there_and_back(provider)

    answer = browser.post(CONNECT)

    assert (answer.status_code, answer.headers["Location"]) == (302, OWN)
    assert "your account stays connected as it is" in text_of(browser.get(OWN))


def test_an_account_that_is_not_connected_has_nothing_to_part(provider, anna):
    browser = Client()
    browser.force_login(anna)

    browser.post("/admin/sso/disconnect/", {"password": RIGHT})

    assert not LogInEvent.objects.exists()


@pytest.mark.slow
def test_a_provider_that_fails_is_said_to_be_away(provider, anna):
    connected(anna, provider)
    provider.token_status = 500

    assert there_and_back(provider)[1].status_code == 503


@pytest.mark.slow
def test_a_provider_that_wants_the_secret_in_the_body_gets_it_there(provider, anna):
    provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    connected(anna, provider)

    assert StaffIdentity.objects.exists()
    assert provider.asked[-1]["client_secret"] == SECRET


@pytest.mark.slow
def test_of_one_address_thirty_log_ins_in_five_minutes_ask_the_provider(provider, anna):
    statuses = [there_and_back(provider, code=f"guess-{number}")[1].status_code for number in range(31)]

    assert statuses == [403] * 30 + [503]
    assert len(provider.asked) == 30


# --- where it leads -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_log_in_leads_to_pages_of_this_host_alone(provider, anna):
    connected(anna, provider)
    browser = Client()
    there = browser.get(SSO, {"next": "https://elsewhere.example.org/"})

    answer = browser.get(BACK, provider.log_in(there.headers["Location"]))

    assert answer.headers["Location"] == "/admin/"
