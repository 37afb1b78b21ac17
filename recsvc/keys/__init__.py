"""API keys: who may ask, and for what; and the tokens by which a page asks for its customer."""

from recsvc.keys.records import (
    ApiKey,
    Scope,
    create_key,
    list_keys,
    parse_expiry,
    revoke_key,
    rotate_key,
    usable,
)
from recsvc.keys.ring import KeyRing
from recsvc.keys.tokens import CustomerTokens, TokenStatus, Verdict

__all__ = [
    "ApiKey",
    "CustomerTokens",
    "KeyRing",
    "Scope",
    "TokenStatus",
    "Verdict",
    "create_key",
    "list_keys",
    "parse_expiry",
    "revoke_key",
    "rotate_key",
    "usable",
]
