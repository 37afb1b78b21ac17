"""Answers that caches may keep: the same bytes for everybody who asks the same, with a strong ETag.

So they say no time of their own: the moment in their recommendation_id is the hour's beginning, and what they took
stands in `Server-Timing`. Answers about somebody are `private, no-store`.
"""

import hashlib
from datetime import datetime

from werkzeug import Request

from recsvc.http.quick import Reply

PRIVATE = "private, no-store"
JSON = ("Content-Type", "application/json")
# Browsers keep a list a minute and shared caches ten; those may hand out an old one while they fetch, or while we fail.
SHARED = "public, max-age=60, s-maxage=600, stale-while-revalidate=3600, stale-if-error=86400"


def shared_moment(now: datetime) -> datetime:
    """The moment that a shared answer is signed for: the beginning of its hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def shared_response(body: bytes, asked: Request, *, vary: str | None, seconds: float) -> Reply:
    """200 with the body, or 304 where the caller has it already; `seconds` is what it took."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = [
        ("Cache-Control", SHARED),
        ("ETag", f'"{digest}"'),
        ("Server-Timing", f"app;dur={seconds * 1000:.3f}"),
    ]
    if vary is not None:
        headers.append(("Vary", vary))
    if "HTTP_IF_NONE_MATCH" in asked.environ and asked.if_none_match.contains_weak(digest):
        return Reply("304 NOT MODIFIED", headers, b"")
    return Reply("200 OK", [JSON, *headers], body)
