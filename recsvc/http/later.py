"""A part of the service that is made when it is first asked for."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Later:
    """A WSGI application whose addresses at and below `path` are another one's, which `make` makes once."""

    def __init__(self, path: str, app: WsgiApp, make: Callable[[], Flask]) -> None:
        self._path, self._below, self._app, self._make = path, path + "/", app, make
        self._made: Flask | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != self._path and not path.startswith(self._below):
            return self._app(environ, start_response)
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made.wsgi_app(environ, start_response)
