"""API keys: who may ask, and for what."""

from recsvc.keys.records import ApiKey, Scope, create_key, list_keys, parse_expiry, revoke_key, usable
from recsvc.keys.ring import KeyRing

__all__ = ["ApiKey", "KeyRing", "Scope", "create_key", "list_keys", "parse_expiry", "revoke_key", "usable"]
