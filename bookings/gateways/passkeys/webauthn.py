"""
Passkeys, verified as WebAuthn says, by Yubico's library.

The device must have verified its user, by finger, face or PIN: that a person touches it is not enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bookings.ports import PasskeyRefused, ProvenPasskey

# What the library raises at answers that are wrong, or are none.
PROBLEMS = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, AssertionError)


class WebAuthn:
    """The passkeys of one domain."""

    def __init__(self, domain: str, *, called: str) -> None:
        self._server = Fido2Server(PublicKeyCredentialRpEntity(id=domain, name=called))

    def begin_adding(
        self, *, handle: bytes, name: str, known: Sequence[bytes]
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        user = PublicKeyCredentialUserEntity(id=handle, name=name, display_name=name)
        options, state = self._server.register_begin(
            user,
            [AttestedCredentialData(each) for each in known],
            resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(options)["publicKey"], state

    def complete_adding(self, state: dict[str, Any], said: Mapping[str, Any]) -> ProvenPasskey:
        try:
            found = self._server.register_complete(state, RegistrationResponse.from_dict(said))
        except PROBLEMS as error:
            raise PasskeyRefused from error
        return ProvenPasskey(bytes(found.credential_data or b""), found.counter)

    def begin_log_in(self, *, known: Sequence[bytes]) -> tuple[Mapping[str, Any], dict[str, Any]]:
        credentials = [AttestedCredentialData(each) for each in known]
        options, state = self._server.authenticate_begin(
            credentials, user_verification=UserVerificationRequirement.REQUIRED
        )
        return dict(options)["publicKey"], state

    def complete_log_in(
        self, state: dict[str, Any], said: Mapping[str, Any], *, known: Sequence[bytes]
    ) -> ProvenPasskey:
        credentials = [AttestedCredentialData(each) for each in known]
        try:
            answer = AuthenticationResponse.from_dict(said)
            used = self._server.authenticate_complete(state, credentials, answer)
        except PROBLEMS as error:
            raise PasskeyRefused from error
        return ProvenPasskey(bytes(used), answer.response.authenticator_data.counter)
