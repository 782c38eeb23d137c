"""No page of the back office tells a column that it does not show: by no filter, order, search, or key."""

import functools
import itertools

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from bookings.models import ApiKey, IdempotencyRecord, Payment
from tests.support.bookings import a_payment_row, a_saved_row
from tests.support.callers import a_service_key
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

MODELS = list(admin.site._registry)
ROLES = ("Auditor", "Support", "Supervisor", "superuser")
LOOKUPS = ("", "__exact", "__startswith", "__gt", "__in", "__isnull", "__regex", "__contains", "__lte", "__range")

# What the list of people has beside it.
LISTED = {
    *(f"{name}__exact" for name in ("is_staff", "is_superuser", "is_active", "groups__id")),
    *(f"{name}__isnull" for name in ("is_staff", "is_superuser", "is_active", "groups")),
}

# The list of deliveries is asked for those of one endpoint, which it shows.
OFFERED = {"bookings.WebhookDelivery": {"endpoint"}}


def person_of(role):
    person = a_person(role.lower(), group="" if role == "superuser" else role)
    person.is_superuser = role == "superuser"
    person.save()
    return person


# The one with the fewest rights meets most refusals; the others are walked through by the long tests.
SOME_ROLES = [role if role == "Auditor" else pytest.param(role, marks=pytest.mark.long) for role in ROLES]


@pytest.fixture(params=SOME_ROLES)
def desk(request):
    """The browser of each kind of staff."""
    return desk_of(person_of(request.param))


def list_of(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def paths_of(model, depth=2):
    """Each way over relations to a column, its own columns first."""
    for field in model._meta.get_fields():
        name = field.name
        yield name
        if getattr(field, "attname", name) != name:
            yield field.attname
        if depth and field.is_relation and field.related_model:
            yield from (f"{name}__{rest}" for rest in paths_of(field.related_model, depth - 1))


def asked(model, path):
    """A filter for each lookup of a column that the pages do not offer."""
    return [f"{path}{lookup}" for lookup in LOOKUPS if f"{path}{lookup}" not in LISTED]


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_column_can_be_asked_for_by_a_filter(desk, model):
    """Each column of the table itself over HTTP, with lookups of each kind."""
    address = list_of(model)
    expected = {desk.get(address).status_code} - {200} or {400}
    names = [name for path in paths_of(model, depth=0) for name in asked(model, path)[:3]]

    statuses = {desk.get(address, {name: "1"}).status_code for name in names}

    assert len(names) >= 12
    assert statuses == expected


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_column_of_a_related_table_can_be_asked_for_either(model, rf):
    """Two relations far; far too many for a request each."""
    pages, request = admin.site.get_model_admin(model), rf.get("/")
    paths = list(paths_of(model))
    # Every page of them, as Django asks it: the answers to the same question are the same.
    allowed_here = functools.cache(lambda name: pages.lookup_allowed(name, "1", request))

    allowed = {name for path in paths for name in asked(model, path) if allowed_here(name)}

    assert paths
    assert allowed == OFFERED.get(model._meta.label, set())


SECRET = [
    ("bookings_apikey", "secret_hash__startswith"),
    ("bookings_apikey", "previous_secret_hash__startswith"),
    ("bookings_apikey", "salt__regex"),
    ("bookings_idempotencyrecord", "body__contains"),
    ("bookings_bookingevent", "booking__user_id__gt"),
    ("bookings_payment", "booking__hold_key__startswith"),
    ("django_q_success", "args__contains"),
    ("django_q_success", "result__startswith"),
    ("auth_user", "password__startswith"),
    ("auth_user", "groups__user__password__startswith"),
    ("auth_user", "logentry__user__password__startswith"),
    ("auth_group", "user__password__startswith"),
    ("auth_group", "user__username__startswith"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "name"), SECRET)
@pytest.mark.parametrize("begin", ["0", "f", ""])
def test_a_guess_at_a_secret_is_answered_alike_whether_it_is_right_or_wrong(page, name, begin):
    a_service_key()
    a_saved_row()
    desk = desk_of(person_of("superuser"))

    answer = desk.get(reverse(f"admin:{page}_changelist"), {name: begin})

    assert answer.status_code == 400
    assert f"does not know a filter in its address: {name}" in text_of(answer)


@pytest.mark.slow
def test_the_start_of_a_keys_hash_cannot_be_read_by_an_auditor():
    a_service_key()
    start = ApiKey.objects.get().secret_hash[:1]
    desk = desk_of(person_of("Auditor"))

    answers = [desk.get(list_of(ApiKey), {"secret_hash__startswith": guess}) for guess in (start, "x")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert len({text_of(answer) for answer in answers}) == 1


@pytest.mark.slow
def test_it_could_be_read_if_the_site_put_nothing_in_front(monkeypatch):
    """The twin: with Django's own rule in the place of ours, the rows that remain tell the hash."""
    from django.contrib.admin import ModelAdmin  # noqa: PLC0415
    from django.contrib.admin.views.main import ChangeList  # noqa: PLC0415

    from bookings.office.addresses import StrictLists  # noqa: PLC0415

    for name in ("lookup_allowed", "get_changelist_instance"):
        monkeypatch.setattr(StrictLists, name, getattr(ModelAdmin, name))
    monkeypatch.setattr(StrictLists, "get_changelist", lambda self, request, **kwargs: ChangeList)
    a_service_key()
    start = ApiKey.objects.get().secret_hash[:1]
    desk = desk_of(person_of("Auditor"))

    answers = [desk.get(list_of(ApiKey), {"secret_hash__startswith": guess}) for guess in (start, "x")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.context["cl"].result_count for answer in answers] == [1, 0]


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_rows_are_named_by_their_key_alone(model, rf):
    pages, request = admin.site.get_model_admin(model), rf.get("/")

    allowed = {path for path in paths_of(model, depth=1) if pages.to_field_allowed(request, path)}

    assert allowed == {model._meta.pk.name}


@pytest.mark.long
@pytest.mark.parametrize("page", ["change", "delete", "add"])
@pytest.mark.parametrize("column", ["password", "email", "logentry__user__password"])
def test_a_page_of_one_person_is_not_found_by_another_column(page, column):
    person = person_of("superuser")
    arguments = [] if page == "add" else [person.password]

    answer = desk_of(person).get(reverse(f"admin:auth_user_{page}", args=arguments), {"_to_field": column})

    assert answer.status_code == 400
    assert "does not know a filter in its address: _to_field" in text_of(answer)


@pytest.mark.slow
def test_nothing_is_completed_by_typing(desk):
    for model, term in itertools.product(MODELS, ("", "pbkdf2")):
        for field in (field for field in model._meta.get_fields() if field.is_relation):
            query = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
            answer = desk.get("/admin/autocomplete/", {**query, "field_name": field.name, "term": term})
            assert answer.status_code == 404


@pytest.mark.slow
def test_a_search_for_people_looks_at_names_alone():
    person = person_of("superuser")
    desk = desk_of(person)
    hashed = person.password

    for guess in (hashed[:6], hashed, "=" + hashed, "^pbkdf2", "@" + hashed, "password:" + hashed[:6]):
        assert desk.get("/admin/auth/user/", {"q": guess}).context["cl"].result_count == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_search_of_a_list_reads_names_of_people_and_groups_and_looks_up_rows_of_four_tables(model, rf):
    searched = admin.site.get_model_admin(model).get_search_fields(rf.get("/"))

    known = {"auth.User": {"username", "first_name", "last_name", "email"}, "auth.Group": {"name"}}
    looked_up = {
        "bookings.Payment": {"booking__reference"},
        "bookings.Refund": {"payment__booking__reference"},
        "bookings.IdempotencyRecord": {"key_hash"},
        "bookings.WebhookDelivery": {"announcement__key"},
    }
    assert set(searched) == {**known, **looked_up}.get(model._meta.label, set())


@pytest.mark.slow
def test_the_beginning_of_a_key_finds_no_row_and_all_of_it_finds_one():
    desk, payment = desk_of(person_of("Auditor")), a_payment_row(a_saved_row())
    record = IdempotencyRecord.objects.create(
        principal="user:1001", endpoint="test", key_hash="abc1" * 16, fingerprint="f", created_at=payment.created_at
    )

    def counted(model, text):
        return desk.get(list_of(model), {"q": text}).context["cl"].result_count

    for model, key in ((Payment, str(payment.gateway_key)), (IdempotencyRecord, record.key_hash)):
        guesses = (key[:-1], key[:4], key[:4] + "%", key[:-1] + "_", f"^{key[:4]}", f"={key[:4]}")
        assert [counted(model, guess) for guess in guesses] == [0] * len(guesses)
        assert counted(model, key) == 1


@pytest.mark.slow
def test_a_history_shows_nothing_to_those_who_may_not_see_the_row(desk):
    other = a_person("other")
    people = ContentType.objects.get(app_label="auth", model="user")
    LogEntry.objects.create(
        user=other,
        content_type=people,
        object_id=str(other.pk),
        object_repr="x",
        action_flag=2,
        change_message="[]",
    )
    is_superuser = desk.get("/admin/auth/user/").status_code == 200

    answer = desk.get(reverse("admin:auth_user_history", args=[other.pk]))

    assert answer.status_code == (200 if is_superuser else 403)


def test_every_page_of_the_site_has_the_rule_in_front():
    from bookings.office.addresses import StrictLists  # noqa: PLC0415

    for pages in admin.site._registry.values():
        assert type(pages).__mro__[1] is StrictLists


def test_a_library_that_brings_pages_gets_the_rule_too(rf):
    """Registered as a library does it, with Django's own class."""
    admin.site.register(Permission)
    try:
        pages = admin.site.get_model_admin(Permission)
        assert not pages.lookup_allowed("codename__startswith", "a", rf.get("/"))
    finally:
        admin.site.unregister(Permission)
