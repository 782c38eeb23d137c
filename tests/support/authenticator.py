"""A device that makes passkeys: it signs as WebAuthn says, with a key of its own for each site."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)


@dataclass
class Authenticator:
    """What it says of itself, and of the page that asks: a test has it lie."""

    origin: str = "https://bookings.example.org"
    domain: str = "bookings.example.org"
    flags: int = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def made(self, options: Any) -> dict[str, Any]:
        """Make a passkey, and answer as a browser does."""
        credential = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        said = self._client_data(CollectedClientData.TYPE.CREATE, options)
        flags = self.flags | AuthenticatorData.FLAG.AT
        about = AuthenticatorData.create(self._domain(), flags, self.count, credential)
        attested = AttestationObject.create("none", about, {})
        return self._answer(clientDataJSON=websafe_encode(said), attestationObject=websafe_encode(bytes(attested)))

    def signed(self, options: Any) -> dict[str, Any]:
        """Sign what is asked, and answer as a browser does."""
        said = self._client_data(CollectedClientData.TYPE.GET, options)
        about = AuthenticatorData.create(self._domain(), self.flags, self.count)
        signature = self.key.sign(bytes(about) + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=websafe_encode(said),
            authenticatorData=websafe_encode(bytes(about)),
            signature=websafe_encode(signature),
        )

    def _domain(self) -> bytes:
        return hashlib.sha256(self.domain.encode()).digest()

    def _client_data(self, kind: str, options: Any) -> bytes:
        return bytes(CollectedClientData.create(kind, options["challenge"], self.origin))

    def _answer(self, **response: str) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
