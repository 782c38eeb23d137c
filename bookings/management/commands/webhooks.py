from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import wiring
from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.errors import BookingError
from bookings.lifecycle import News
from bookings.management.arguments import operator
from bookings.models import ApiKey, WebhookEndpoint
from bookings.models.webhooks import EndpointState
from bookings.services.messages.reseal import reseal_contacts
from bookings.services.webhooks import endpoints
from bookings.services.webhooks.again import ask_for_replay
from bookings.services.webhooks.endpoints import Made, Owner, Wish
from bookings.services.webhooks.reseal import reseal_secrets
from bookings.text.mail_addresses import normal

STAFF = Owner(is_staff=True)


class Command(BaseCommand):
    help = "Makes, lists and changes endpoints of webhooks. A secret is shown once, on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show all endpoints that are not retired, without their secrets")
        create = actions.add_parser("create", help="make an endpoint; a ping goes out")
        create.add_argument("url", help="where webhooks go: https://…")
        create.add_argument("--for", dest="key_id", default="", help="the id of the API key of the service it is for")
        create.add_argument("--contact-email", default="", help="where its owner is told that it fails")
        create.add_argument("--types", nargs="+", action="extend", default=[], help=f"of {', '.join(News.values)}; all")
        rotate = actions.add_parser("rotate", help="give an endpoint a new secret")
        rotate.add_argument("--grace-hours", type=int, default=24, help="how long the old one signs as well (24)")
        replay = actions.add_parser("replay", help="send once more what happened lately")
        replay.add_argument("--hours", type=int, required=True, help="how far back")
        replay.add_argument("--only-dead", action="store_true", help="leave alone what was delivered")
        disable = actions.add_parser("disable", help="send nothing there until it is enabled")
        disable.add_argument("--why", required=True, help="what its owner reads")
        others = [actions.add_parser(name, help=text) for name, text in PLAIN.items()]
        for action in (rotate, replay, disable, *others):
            action.add_argument("endpoint", help="we_…")
        actions.add_parser("reseal", help="seal secrets with the first key of SEAL_KEYS that another one has sealed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])(actor=operator(), options=options)
        except BookingError as error:
            fields = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
            raise CommandError(fields or error.explanation) from error

    def list(self, *, actor: Actor, options: dict[str, Any]) -> None:
        found = WebhookEndpoint.objects.exclude(state=EndpointState.RETIRED).select_related("api_key").order_by("pk")
        for endpoint in found:
            owner = endpoint.api_key.name if endpoint.api_key else "no key"
            fails = f", {endpoint.failures} failures in a row" if endpoint.failures else ""
            why = f": {endpoint.disabled_why}" if endpoint.disabled_why else ""
            self.stdout.write(f"{endpoint.key}  {endpoint.state}{why}{fails}  {endpoint.url}  ({owner})")
        self.stdout.write(f"{len(found)} endpoints")

    def create(self, *, actor: Actor, options: dict[str, Any]) -> None:
        owner = Owner(options["key_id"])
        if owner.key_id and not ApiKey.objects.filter(key_id=owner.key_id, revoked_at=None).exists():
            raise CommandError(f"There is no key {owner.key_id} that is not revoked; see: api_keys list")
        types = [word for part in options["types"] for word in part.replace(",", " ").split()]
        made = endpoints.make_endpoint(
            url=options["url"],
            types=types,
            owner=owner,
            actor=actor,
            webhooks=wiring.webhooks(),
            seal=wiring.seal(),
            contact_email=_email(options["contact_email"]),
        )
        self._show(made)

    def rotate(self, *, actor: Actor, options: dict[str, Any]) -> None:
        grace = timedelta(hours=options["grace_hours"])
        self._show(
            endpoints.rotate_secret(key=options["endpoint"], grace=grace, owner=STAFF, actor=actor, seal=wiring.seal())
        )

    def replay(self, *, actor: Actor, options: dict[str, Any]) -> None:
        since = database_time() - timedelta(hours=options["hours"])
        ask_for_replay(
            key=options["endpoint"], since=since, until=None, only_dead=options["only_dead"], owner=STAFF, actor=actor
        )
        self.stdout.write(f"What happened since {since:%Y-%m-%d %H:%M} UTC is sent to {options['endpoint']} once more.")

    def ping(self, *, actor: Actor, options: dict[str, Any]) -> None:
        endpoints.ping_endpoint(key=options["endpoint"], owner=STAFF, actor=actor)
        self.stdout.write(f"A ping goes to {options['endpoint']}.")

    def enable(self, *, actor: Actor, options: dict[str, Any]) -> None:
        self._move(EndpointState.ACTIVE, actor=actor, options=options)

    def pause(self, *, actor: Actor, options: dict[str, Any]) -> None:
        self._move(EndpointState.PAUSED, actor=actor, options=options)

    def disable(self, *, actor: Actor, options: dict[str, Any]) -> None:
        endpoint = endpoints.disable_endpoint(key=options["endpoint"], why=options["why"], actor=actor)
        self.stdout.write(f"{endpoint.key} is {endpoint.state}.")

    def retire(self, *, actor: Actor, options: dict[str, Any]) -> None:
        endpoints.retire_endpoint(key=options["endpoint"], owner=STAFF, actor=actor)
        self.stdout.write(f"{options['endpoint']} is retired.")

    def reseal(self, *, actor: Actor, options: dict[str, Any]) -> None:
        self.stdout.write(f"{reseal_secrets(seal=wiring.seal())} endpoints had secrets under another key.")
        self.stdout.write(f"{reseal_contacts(seal=wiring.seal())} contacts had addresses under another key.")

    def _move(self, to: EndpointState, *, actor: Actor, options: dict[str, Any]) -> None:
        endpoint = endpoints.change_endpoint(
            key=options["endpoint"],
            wish=Wish(state=to),
            owner=STAFF,
            actor=actor,
            webhooks=wiring.webhooks(),
            seal=wiring.seal(),
        )
        self.stdout.write(f"{endpoint.key} is {endpoint.state}.")

    def _show(self, made: Made) -> None:
        self.stdout.write(
            f"{made.endpoint.key} signs with this secret. It is shown this once, and cannot be had again:"
        )
        self.stdout.write(made.secret)


def _email(given: str) -> str:
    try:
        return normal(given) if given else ""
    except ValueError:
        raise CommandError("--contact-email must be an address of mail, as in ops@example.org.") from None


PLAIN = {
    "ping": "send a ping",
    "enable": "send there again, and to a new one before it has answered",
    "pause": "send nothing there, and write down what happens meanwhile",
    "retire": "send nothing there any more, for good",
}
