"""
Which steps of a migration are safe while the old version still runs.

It goes on writing to the new tables as it always did: its INSERTs name the old columns alone, and its SELECTs all
of them. So a step may only add what the old version need not know of. See docs/migrations.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations import operations as steps
from django.db.models import NOT_PROVIDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models
    from django.db.migrations.migration import Migration
    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ProjectState

# What the old version still reads, writes or joins.
TAKES_AWAY = (
    *(steps.RemoveField, steps.RenameField, steps.DeleteModel, steps.RenameModel, steps.AlterModelTable),
    *(steps.AlterUniqueTogether, steps.AlterOrderWithRespectTo),
)

# Of these the old version sees nothing, or only that something is faster.
HARMLESS = (
    *(steps.CreateModel, steps.AddIndex, steps.RemoveIndex, steps.RenameIndex, steps.RemoveConstraint),
    *(steps.AlterModelOptions, steps.AlterModelManagers, steps.AlterModelTableComment, steps.RunPython),
)

# Attributes of a column that do not bind a program that writes to it.
FREE = {
    *("verbose_name", "help_text", "choices", "validators", "editable", "blank", "default", "db_comment", "db_index"),
}


def unsafe_steps(migration: Migration, state: ProjectState) -> Iterator[tuple[str, str]]:
    """
    Name each step that the old version would not survive, and why. Applies the migration to `state`.

    :param state: the tables before it
    """
    new_models: set[str] = set()
    for step in migration.operations:
        if isinstance(step, steps.CreateModel):
            new_models.add(step.name_lower)
        before = state.clone()
        step.state_forwards(migration.app_label, state)
        on_new = getattr(step, "model_name_lower", None) in new_models
        if not on_new:
            for reason in _reasons(step, migration.app_label, before):
                yield step.describe(), reason


def _reasons(step: Operation, app: str, before: ProjectState) -> Iterator[str]:
    if isinstance(step, steps.SeparateDatabaseAndState):
        for part in step.database_operations:
            yield from _reasons(part, app, before)
    elif isinstance(step, TAKES_AWAY):
        yield "the old version still uses what this takes away"
    elif isinstance(step, steps.AddField):
        yield from _reasons_not_to_add(step.field)
    elif isinstance(step, steps.AlterField):
        old = before.models[app, step.model_name_lower].get_field(step.name)
        yield from _reasons_not_to_alter(old, step.field)
    elif isinstance(step, steps.AddConstraint):
        yield "the old version may write rows that this refuses"
    elif not isinstance(step, HARMLESS):
        yield "what this does cannot be told here"


def _reasons_not_to_add(field: models.Field) -> Iterator[str]:
    if field.many_to_many:
        return
    if not field.null and field.db_default is NOT_PROVIDED:
        yield "the old version does not name this column: it needs null=True or a db_default"
    if field.unique and not field.null:
        yield "the second row that the old version writes has the same value"


def _reasons_not_to_alter(old: models.Field, new: models.Field) -> Iterator[str]:
    _name, old_type, _args, was = old.deconstruct()
    _name, new_type, _args, becomes = new.deconstruct()
    if old_type != new_type:
        yield "the column gets another type"
        return
    changed = {word for word in was.keys() | becomes.keys() if was.get(word) != becomes.get(word)} - FREE
    if changed - {"null", "max_length", "unique", "db_default"}:
        yield f"this changes {', '.join(sorted(changed))}"
    if was.get("null") and not becomes.get("null"):
        yield "the old version may still write null"
    if becomes.get("unique") and not was.get("unique"):
        yield "the old version may still write a value twice"
    if (becomes.get("max_length") or 0) < (was.get("max_length") or 0):
        yield "the old version may still write longer values"
    if "db_default" in was and "db_default" not in becomes and not becomes.get("null"):
        yield "the old version may still leave this column out"
