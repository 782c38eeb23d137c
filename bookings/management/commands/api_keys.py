import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.actor import Actor, Scope
from bookings.db.clock import database_time
from bookings.errors import InvalidRequest
from bookings.management.arguments import operator
from bookings.models import ApiKey
from bookings.services.access.api_keys import UnknownApiKey, issue_api_key, revoke_api_key, rotate_api_key


class Command(BaseCommand):
    help = "Makes, lists, rotates and revokes the API keys of services. A key is shown once, on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key")
        create.add_argument("--name", required=True, help="which service it is for")
        create.add_argument(
            "--scopes", nargs="+", action="extend", required=True, help=f"one or more of {', '.join(Scope.values)}"
        )
        create.add_argument("--days", type=int, default=365, help="how long it is good for (365)")
        create.add_argument("--rate", type=int, help="requests in a minute, for each route")
        create.add_argument(
            "--given",
            action="store_true",
            help="read the key from standard input: it was made in another cell, and is the same here",
        )
        actions.add_parser("list", help="show all keys, without their secrets")
        rotate = actions.add_parser("rotate", help="give a key a new secret; its id stays")
        rotate.add_argument("key_id")
        rotate.add_argument("--grace-hours", type=int, default=24, help="how long the old secret still works (24)")
        rotate.add_argument("--days", type=int, help="how long the key is good for from now on (as before)")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("key_id")
        for action in (create, rotate, revoke):
            action.add_argument("--note", default="", help="why, for those who look at the key later")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])(actor=operator(), options=options)
        except UnknownApiKey as error:
            raise CommandError(
                f"There is no key {options['key_id']} that is not revoked; see: api_keys list"
            ) from error
        except (InvalidRequest, OverflowError) as error:
            fields = getattr(error, "fields", None) or {"days": "Too many."}
            raise CommandError("; ".join(f"{name}: {text}" for name, text in fields.items())) from error

    def create(self, *, actor: Actor, options: dict[str, Any]) -> None:
        words = [word for part in options["scopes"] for word in part.replace(",", " ").split()]
        unknown = set(words) - set(Scope.values)
        if unknown:
            raise InvalidRequest(fields={"scopes": f"{', '.join(sorted(unknown))}: use {', '.join(Scope.values)}."})
        key, text = issue_api_key(
            name=options["name"],
            scopes={Scope(word) for word in words},
            life=timedelta(days=options["days"]),
            requests_per_minute=options["rate"],
            actor=actor,
            note=options["note"],
            given=sys.stdin.readline().strip() if options["given"] else None,
        )
        self.stdout.write(f"Key {key.key_id} for {key.name}, good until {key.expires_at:%Y-%m-%d}, may: {key.scopes}")
        if not options["given"]:
            self._show(text)

    def list(self, *, actor: Actor, options: dict[str, Any]) -> None:
        now = database_time()
        for key in ApiKey.objects.order_by("pk"):
            state = "revoked" if key.revoked_at else "expired" if key.expires_at <= now else "good"
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            self.stdout.write(
                f"{key.key_id}  {state:7}  until {key.expires_at:%Y-%m-%d}  {used:16}  {key.name}: {key.scopes}"
            )
        self.stdout.write(f"{ApiKey.objects.count()} keys")

    def rotate(self, *, actor: Actor, options: dict[str, Any]) -> None:
        key, text = rotate_api_key(
            key_id=options["key_id"],
            grace=timedelta(hours=options["grace_hours"]),
            life=timedelta(days=options["days"]) if options["days"] is not None else None,
            actor=actor,
            note=options["note"],
        )
        self.stdout.write(
            f"Key {key.key_id} for {key.name} has a new secret. The old one works until "
            f"{key.previous_expires_at:%Y-%m-%d %H:%M} UTC."
        )
        self._show(text)

    def revoke(self, *, actor: Actor, options: dict[str, Any]) -> None:
        key = revoke_api_key(key_id=options["key_id"], actor=actor, note=options["note"])
        self.stdout.write(f"Key {key.key_id} for {key.name} is revoked.")

    def _show(self, text: str) -> None:
        self.stdout.write("It is shown this once, and cannot be had again:")
        self.stdout.write(text)
