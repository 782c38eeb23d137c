"""
Signatures of webhooks as Standard Webhooks 1.0 says it, so that receivers verify them by any of its libraries.

Only symmetric ones (`v1`): no library of the standard verifies the other kind.
"""

import base64
import hashlib
import hmac


def signed(letter_key: str, sent_at: int, body: bytes, *, secrets: tuple[bytes, ...]) -> dict[str, str]:
    """Make the headers that prove where a webhook comes from: a signature for each secret."""
    content = f"{letter_key}.{sent_at}.".encode() + body
    made = (base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": letter_key,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(f"v1,{each}" for each in made),
    }
