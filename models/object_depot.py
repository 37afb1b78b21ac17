"""A bucket of Amazon S3 or what speaks like it, of Google Cloud Storage or of Azure, by obstore (the extra
object-storage). Credentials come from the environment, as each cloud's own tools take them."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from models.depot import Found, without_password
from models.errors import SettingsError, UnreachableError

PART = 8 << 20  # bytes of a file that go in one request
QUESTION_SECONDS, PART_SECONDS, CONNECT_SECONDS, RETRY_SECONDS = 6, 60, 3, 5
MOST_RETRIES = 2
# Who names an address without TLS, such as that of a store in the same cluster, means it.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")


class ObjectDepot:
    """Objects below a prefix of a bucket; conditions are the store's own (If-Match, If-None-Match, generations)."""

    def __init__(self, store: Any, url: str, *, patient: Any = None) -> None:
        self.url = url
        self._store = store
        self._patient = patient or store  # the same, for the parts of files

    @classmethod
    def of_url(cls, url: str) -> "ObjectDepot":
        """Raises SettingsError for an address or an environment that obstore cannot use."""
        shown = without_password(url).rstrip("/")
        try:
            return cls(_store(url, QUESTION_SECONDS), shown, patient=_store(url, PART_SECONDS))
        except (BaseError, ValueError, TypeError) as error:
            raise SettingsError(f"RECSVC_REGISTRY {shown}: {_first_line(error)}") from None

    def read(self, name: str, *, unless: str | None = None) -> Found | None:
        with self._answering(), contextlib.suppress(NotModifiedError):
            known = unless.partition(" ")[0] if unless else None
            result = obstore.get(self._store, name, options={"if_none_match": known} if known else None)
            # Google's conditional writes want the generation, the others' the ETag.
            return Found(bytes(result.bytes()), f"{result.meta['e_tag']} {result.meta['version'] or ''}")
        return None

    def chunks(self, name: str) -> Iterator[bytes]:
        # By ranges, so that a request stays short however large the object is, and one that fails is asked again.
        with self._answering():
            size = int(obstore.head(self._store, name)["size"])
        for start in range(0, size, PART):
            with self._answering():
                part = bytes(obstore.get_range(self._patient, name, start=start, end=min(start + PART, size)))
            yield part

    def upload(self, source: Path, name: str) -> None:
        with self._answering():
            obstore.put(self._patient, name, source, chunk_size=PART, max_concurrency=4)

    def create(self, name: str, data: bytes) -> bool:
        return self._put(name, data, "create")

    def replace(self, name: str, data: bytes, mark: str) -> bool:
        tag, _, version = mark.partition(" ")
        return self._put(name, data, {"e_tag": tag} | ({"version": version} if version else {}))

    def _put(self, name: str, data: bytes, mode: Any) -> bool:
        with self._answering(), contextlib.suppress(AlreadyExistsError, PreconditionError):
            obstore.put(self._store, name, data, mode=mode, use_multipart=False)
            return True
        return False

    def names(self, folder: str) -> list[str]:
        with self._answering():
            return sorted(str(entry["path"]) for part in obstore.list(self._store, folder) for entry in part)

    def folders(self, folder: str) -> list[str]:
        with self._answering():
            prefixes = obstore.list_with_delimiter(self._store, folder)["common_prefixes"]
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in prefixes)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            with self._answering(), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, name)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, AlreadyExistsError, PreconditionError, NotModifiedError):
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise UnreachableError(f"{self.url} refuses us; check the credentials: {_first_line(error)}") from None
        except BaseError as error:
            raise UnreachableError(f"{self.url} does not answer: {_first_line(error)}") from None


def _store(url: str, seconds: int) -> Any:
    plain = any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS)
    return from_url(
        url,
        client_options={
            "timeout": timedelta(seconds=seconds),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "allow_http": plain,
        },
        retry_config={"max_retries": MOST_RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()[:300]
