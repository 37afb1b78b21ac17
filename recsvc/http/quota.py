"""Rate limits: how often a caller may ask, counted over all workers of this machine.

`limits` does the arithmetic; its counters lie in a file that the workers map, in the directory that `recsvc serve`
makes for them. Where there is none, as in tests, a process counts for itself.
"""

import fcntl
import hashlib
import ipaddress
import mmap
import os
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from limits import RateLimitItem
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug import Request

from recsvc.http.limit import PUBLIC, SERVER, parse_limit
from recsvc.http.problems import ProblemError
from recsvc.keys import ApiKey, Scope

SLOT = struct.Struct("<8sdQ")  # hash of the caller, end of the window in seconds since 1970, requests in it
SLOTS = 32_768
PROBES = 16
EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
NETWORK_OF_A_CALLER = 64  # bits of an IPv6 address that one household or office has


@dataclass(frozen=True)
class Allowance:
    """What one request leaves: the fields of the RateLimit headers (IETF draft, September 2025)."""

    policy: str
    quota: int
    window: int
    left: int
    resets_in: int

    def headers(self) -> Mapping[str, str]:
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.resets_in}',
        }


class Quota:
    """Limits by scope: a public key for each address that it comes from, a server key as a whole, an admin key never.

    `public` and `server` are texts such as '1200/minute', or None for no limit; `proxies` is how many proxies of ours
    stand in front, None for one where the peer is on a private network and none elsewhere. Raises SettingsError.
    """

    def __init__(self, public: str | None, server: str | None, *, proxies: int | None, directory: Path | None) -> None:
        self._limits = {
            Scope.PUBLIC: parse_limit(public, PUBLIC),
            Scope.SERVER: parse_limit(server, SERVER),
        }
        self._proxies = proxies
        self._limiter = FixedWindowRateLimiter(SharedCounters(directory / "quota") if directory else MemoryStorage())

    def take(self, key: ApiKey, request: Request) -> Allowance | None:
        """Count this request; None where nothing limits it. Raises ProblemError (429)."""
        limit = self._limits.get(key.scope)
        if limit is None:
            return None
        who = (key.key_id, self.address(request)) if key.scope is Scope.PUBLIC else (key.key_id,)
        granted = self._limiter.hit(limit, *who)
        reset, left = self._limiter.get_window_stats(limit, *who)
        resets_in = max(1, round(reset - time.time()))
        allowance = Allowance(key.scope.value, limit.amount, limit.get_expiry(), left, resets_in)
        if granted:
            return allowance
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"more than {limit.amount} requests in {limit.get_expiry()} seconds; ask again in {resets_in} seconds",
            type=EXCEEDED,
            title="Quota exceeded",
            members={"violated-policies": [allowance.policy]},
            headers={**allowance.headers(), "Retry-After": str(resets_in)},
        )

    def wait(self, limit: RateLimitItem, purpose: str, request: Request) -> int | None:
        """Count a try of this address for a purpose of ours; the seconds to wait where there were too many."""
        who = (purpose, self.address(request))
        if self._limiter.hit(limit, *who):
            return None
        return max(1, round(self._limiter.get_window_stats(limit, *who)[0] - time.time()))

    def address(self, request: Request) -> str:
        """Where the request comes from, as the outermost of our own proxies saw it; of IPv6 the network."""
        peer = request.remote_addr or ""
        proxies = self._proxies if self._proxies is not None else int(is_private(peer))
        seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        caller = seen[-proxies] if 0 < proxies <= len(seen) else peer
        try:
            address = ipaddress.ip_address(caller)
        except ValueError:
            return peer
        if address.version == 4:
            return str(address)
        return str(ipaddress.ip_network((address, NETWORK_OF_A_CALLER), strict=False))


class SharedCounters(Storage):
    """`limits`' counters in a mapped file: a hash table of SLOTS slots, one lock for all of them.

    What is over makes room; where PROBES slots in a row are all in use, the one that ends first goes, and its caller
    starts anew.
    """

    STORAGE_SCHEME = None

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._lock, SLOT.size * SLOTS)
        self._map = mmap.mmap(self._lock, SLOT.size * SLOTS)

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._locked():
            place, digest, ends, count = self._find(key, now)
            count, ends = (count + amount, ends) if count else (amount, now + expiry)
            SLOT.pack_into(self._map, place, digest, ends, count)
        return count

    def get(self, key: str) -> int:
        with self._locked():
            return self._find(key, time.time())[3]

    def get_expiry(self, key: str) -> float:
        now = time.time()
        with self._locked():
            _, _, ends, count = self._find(key, now)
        return ends if count else now

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._locked():
            self._map[:] = bytes(len(self._map))
        return None

    def clear(self, key: str) -> None:
        with self._locked():
            place, digest, _, _ = self._find(key, time.time())
            SLOT.pack_into(self._map, place, digest, 0.0, 0)

    def _find(self, key: str, now: float) -> tuple[int, bytes, float, int]:
        """(place, hash, end, count) of the key's slot; count 0 where it has none yet and `place` is to be taken."""
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        first = int.from_bytes(digest, "little")
        free, earliest = -1, float("inf")
        for probe in range(PROBES):
            place = (first + probe) % SLOTS * SLOT.size
            found, ends, count = SLOT.unpack_from(self._map, place)
            if found == digest and ends > now:
                return place, digest, ends, count
            if max(ends, now) < earliest:
                free, earliest = place, max(ends, now)
        return free, digest, 0.0, 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # A file lock goes with the process that holds it, however that ends.
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)


def is_private(address: str) -> bool:
    """Whether an address is this machine's or of a private network, where our own proxies stand."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
