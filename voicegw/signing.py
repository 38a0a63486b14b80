"""Secrets that we share with the carrier, from the settings: what its requests are verified by, and ours are.

No verifier: only with insecure_dev on loopback, where `config` allows it.
"""

import secrets

from voicegw.config import Settings
from voicegw.twilio.live_calls import Account
from voicegw.twilio.signature import SignatureVerifier


def webhook_verifier(settings: Settings) -> SignatureVerifier | None:
    """For requests to our public URL."""
    return _verifier(settings, websocket=False)


def stream_verifier(settings: Settings) -> SignatureVerifier | None:
    """For upgrades to a WebSocket, which Twilio signs with a wss URL."""
    return _verifier(settings, websocket=True)


def account_of(settings: Settings) -> Account | None:
    """The carrier's account, for its API; None where there are no credentials for it."""
    tokens, _ = _secrets(settings)
    return Account(settings.twilio.account_sid, tokens) if settings.twilio.account_sid and tokens else None


def token_secrets(settings: Settings) -> tuple[bytes, ...]:
    """What the streams' tokens are signed with: what all processes of the gateway know, else something of our own."""
    tokens, shared = _secrets(settings)
    known = tuple(secret.encode() for secret in (*tokens, *shared.values()))
    return known or (secrets.token_bytes(32),)


def _verifier(settings: Settings, *, websocket: bool) -> SignatureVerifier | None:
    tokens, shared = _secrets(settings)
    if not (tokens or shared):
        return None
    return SignatureVerifier(settings.public_url, tokens, shared, websocket=websocket)


def _secrets(settings: Settings) -> tuple[tuple[str, ...], dict[str, str]]:
    tokens = tuple(token.get_secret_value() for token in settings.twilio.auth_tokens)
    shared = {key_id: secret.get_secret_value() for key_id, secret in settings.twilio.shared_keys.items()}
    return tokens, shared
