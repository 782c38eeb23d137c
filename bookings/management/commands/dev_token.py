import time
from argparse import ArgumentParser
from typing import Any

import jwt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookings.conf import HIGHEST_ID


class Command(BaseCommand):
    help = "Prints a customer's token for trying things out; only while DEBUG=true. The last line is the token alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", type=int, required=True, help="the id of the user it stands for")
        parser.add_argument("--minutes", type=int, default=60, help="how long it is good for (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This makes tokens only while DEBUG=true; in production the user service makes them.")
        if not settings.JWT_SECRETS:
            raise CommandError("JWT_JWKS names public keys, which sign nothing. Set JWT_SECRET to try things out.")
        if not 1 <= options["user"] <= HIGHEST_ID:
            raise CommandError(f"--user must be from 1 to {HIGHEST_ID}.")
        if not 1 <= options["minutes"] <= 7 * 24 * 60:
            raise CommandError("--minutes must be from 1 to 10080.")
        now = int(time.time())
        claims = {
            "iss": settings.JWT_ISSUER,
            "aud": settings.JWT_AUDIENCE,
            "sub": str(options["user"]),
            "iat": now,
            "exp": now + options["minutes"] * 60,
        }
        self.stdout.write(jwt.encode(claims, settings.JWT_SECRETS[0], algorithm="HS256"))
