"""Recommendations over HTTP: `create_app` makes the Flask application, `recsvc.http.server` runs it."""

from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]
