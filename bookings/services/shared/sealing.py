"""
Seals what must not be readable in a copy of the database: with AES-256-GCM, by the keys of `SEAL_KEYS`.

The first key seals. Each opens what it has sealed, so a key is exchanged by putting a new one before it, and taken away
once `manage.py webhooks reseal` has found nothing under it. What is sealed is tied to its place, so that it cannot be
moved to another row or column.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# What a sealed value begins with: how it was sealed, and by which key. Then the nonce, then the rest.
VERSION = b"\x01"
MARK_BYTES, NONCE_BYTES = 4, 12
SHORTEST = len(VERSION) + MARK_BYTES + NONCE_BYTES + 16


class CannotOpen(Exception):
    """No key of this installation opens it: it was sealed by another, or for another place, or is damaged."""


class NoSealKey(Exception):
    """There is no key to seal with."""


class Seal:
    """Seals and opens by some keys, the newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_mark(key): AESGCM(key) for key in keys}
        self._newest = _mark(keys[0]) if keys else b""
        self._marking = [hmac.digest(key, b"marks of addresses", hashlib.sha256) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def seal(self, content: bytes, *, place: str) -> bytes:
        """
        Seal for a place: the names of a column and its row.

        :raises NoSealKey: if there is no key
        """
        if not self._keys:
            raise NoSealKey
        nonce = os.urandom(NONCE_BYTES)
        head = VERSION + self._newest
        return head + nonce + self._keys[self._newest].encrypt(nonce, content, head + place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """
        Open what was sealed for this place.

        :raises CannotOpen: if no key does
        """
        head, nonce = sealed[: len(VERSION) + MARK_BYTES], sealed[len(VERSION) + MARK_BYTES :][:NONCE_BYTES]
        key = self._keys.get(head[len(VERSION) :])
        if key is None or len(sealed) < SHORTEST or not head.startswith(VERSION):
            raise CannotOpen
        try:
            return key.decrypt(nonce, sealed[len(head) + NONCE_BYTES :], head + place.encode())
        except InvalidTag:
            raise CannotOpen from None

    def marks(self, content: str) -> list[str]:
        """Make all that may stand for a content, the newest first: by the key of today, and by those before."""
        return [hmac.new(key, content.encode(), hashlib.sha256).hexdigest() for key in self._marking]

    def is_old(self, sealed: bytes) -> bool:
        """Whether something was sealed by another key than the newest."""
        return sealed[len(VERSION) : len(VERSION) + MARK_BYTES] != self._newest


def _mark(key: bytes) -> bytes:
    """Name a key without revealing it."""
    return hashlib.sha256(b"mark of a seal key:" + key).digest()[:MARK_BYTES]
