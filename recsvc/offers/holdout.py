"""Who gets nothing, so that what a campaign brings can be measured: drawn by a hash, the same people every time."""

import hashlib

BUCKETS = 10_000


def bucket(salt: str, experiment: str, customer_id: str) -> int:
    """SHA-256 of 'salt|experiment|customer', from 0 to 9999."""
    digest = hashlib.sha256(f"{salt}|{experiment}|{customer_id}".encode()).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def held_out(share: float, salt: str, campaign_id: str, customer_id: str) -> bool:
    """Whether the customer is in the campaign's holdout of this share, 0 to 1."""
    return share > 0 and bucket(salt, campaign_id, customer_id) < round(share * BUCKETS)
