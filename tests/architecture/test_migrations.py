"""From 1.0.0 on: while a new version is rolled out, the old one runs on the tables that the new one has changed."""

import pytest
from django.db import models
from django.db.migrations import operations as steps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.state import ModelState, ProjectState

from bookingsite.settings import VERSION
from tests.architecture.migrations import unsafe_steps

APP = "bookings"

# The last migration of release 1.0.0, once that is tagged. Until then nothing older runs beside this code, and all
# changes become part of one initial set.
LAST_OF_1_0_0: str | None = None

# (migration, step) to the reason why the old version survives it all the same. Each is looked at by a person.
EXEMPT: dict[tuple[str, str], str] = {}


def found(loader, *, after):
    """Every unsafe step of every migration of ours after this one; beside those before it no older version runs."""
    state = ProjectState()
    unsafe = []
    for app, name in full_plan(loader):
        migration = loader.disk_migrations[app, name]
        if app == APP and after is not None and name > after:
            unsafe += [(name, step, reason) for step, reason in unsafe_steps(migration, state)]
        else:
            migration.mutate_state(state, preserve=False)
    return unsafe


def full_plan(loader):
    """All migrations in the order in which they run."""
    plan = []
    for leaf in loader.graph.leaf_nodes():
        plan += [node for node in loader.graph.forwards_plan(leaf) if node not in plan]
    return plan


def test_the_last_migration_of_1_0_0_is_named_from_that_release_on():
    is_released = int(VERSION.partition(".")[0]) >= 1

    assert (LAST_OF_1_0_0 is not None) == is_released
    assert LAST_OF_1_0_0 is None or (APP, LAST_OF_1_0_0) in MigrationLoader(None).disk_migrations


def test_every_migration_is_safe_while_the_version_before_it_still_runs():
    unsafe = found(MigrationLoader(None), after=LAST_OF_1_0_0)

    assert [(name, step, reason) for name, step, reason in unsafe if (name, step) not in EXEMPT] == []


def test_every_exemption_is_for_a_step_that_is_there_and_says_why():
    there = {(name, step) for name, step, _reason in found(MigrationLoader(None), after=LAST_OF_1_0_0)}

    assert EXEMPT.keys() <= there
    assert all(EXEMPT.values())


@pytest.mark.parametrize(("is_released", "unsafe"), [(True, ["Remove field reference from Booking"]), (False, [])])
def test_a_migration_is_judged_if_it_comes_after_the_last_one_of_1_0_0(is_released, unsafe):
    loader = MigrationLoader(None)
    (last,) = loader.graph.leaf_nodes(APP)
    late = Migration("9999_late", APP)
    late.operations = [steps.RemoveField("Booking", "reference")]
    loader.disk_migrations[APP, late.name] = late
    loader.graph.add_node((APP, late.name), late)
    loader.graph.add_dependency(late, (APP, late.name), last)

    steps_found = [step for _name, step, _reason in found(loader, after=last[1] if is_released else None)]

    assert steps_found == unsafe


# --- the search itself ------------------------------------------------------------------------------------


def reasons(*operations):
    """What is found in a migration of a table with a note, a nullable mark and a code with a default."""
    state = ProjectState()
    state.add_model(
        ModelState(
            APP,
            "Row",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("note", models.CharField(max_length=20)),
                ("mark", models.IntegerField(null=True)),
                ("code", models.IntegerField(db_default=0)),
            ],
        )
    )
    migration = Migration("a_bad_one", APP)
    migration.operations = list(operations)
    return [reason for _step, reason in unsafe_steps(migration, state)]


UNSAFE = {
    "a column goes": steps.RemoveField("Row", "note"),
    "a column gets another name": steps.RenameField("Row", "note", "remark"),
    "a table goes": steps.DeleteModel("Row"),
    "a table gets another name": steps.RenameModel("Row", "Line"),
    "a table gets another name in the database alone": steps.AlterModelTable("Row", "line"),
    "a column without a default of the database": steps.AddField("Row", "size", models.IntegerField(default=1)),
    "a column of one value that must be unique": steps.AddField(
        "Row", "size", models.IntegerField(db_default=1, unique=True)
    ),
    "null is refused": steps.AlterField("Row", "mark", models.IntegerField()),
    "a shorter text": steps.AlterField("Row", "note", models.CharField(max_length=10)),
    "another type": steps.AlterField("Row", "note", models.IntegerField()),
    "another name in the database": steps.AlterField(
        "Row", "note", models.CharField(max_length=20, db_column="remark")
    ),
    "values must be unique": steps.AlterField("Row", "note", models.CharField(max_length=20, unique=True)),
    "the default goes": steps.AlterField("Row", "code", models.IntegerField()),
    "a condition": steps.AddConstraint("Row", models.CheckConstraint(name="short", condition=models.Q(code=0))),
    "SQL": steps.RunSQL("DROP TABLE row"),
    "a column goes in the database alone": steps.SeparateDatabaseAndState([steps.RemoveField("Row", "note")], []),
}

SAFE = {
    "a table comes": steps.CreateModel("Line", [("id", models.BigAutoField(primary_key=True))]),
    "a column that may be null": steps.AddField("Row", "size", models.IntegerField(null=True)),
    "a column with a default of the database": steps.AddField("Row", "size", models.IntegerField(db_default=1)),
    "a unique column that may be null": steps.AddField("Row", "size", models.IntegerField(null=True, unique=True)),
    "an index": steps.AddIndex("Row", models.Index(fields=["note"], name="row_note")),
    "a longer text": steps.AlterField("Row", "note", models.CharField(max_length=30)),
    "more choices": steps.AlterField("Row", "note", models.CharField(max_length=20, choices=[("a", "a")])),
    "null is allowed": steps.AlterField("Row", "note", models.CharField(max_length=20, null=True)),
    "a column is forgotten by the code alone": steps.SeparateDatabaseAndState([], [steps.RemoveField("Row", "mark")]),
}


@pytest.mark.parametrize("step", UNSAFE.values(), ids=UNSAFE)
def test_the_search_finds(step):
    assert len(reasons(step)) == 1


@pytest.mark.parametrize("step", SAFE.values(), ids=SAFE)
def test_the_search_leaves_alone(step):
    assert reasons(step) == []


def test_a_table_that_is_new_itself_may_get_anything():
    create = steps.CreateModel("Line", [("id", models.BigAutoField(primary_key=True))])
    add = steps.AddField("Line", "size", models.IntegerField(default=1))

    assert reasons(create, add) == []
