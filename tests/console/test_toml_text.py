"""Settings that somebody typed: read, or refused before they hold up the service."""

import pytest
from flask.testing import FlaskClient

from models.errors import SettingsError
from recsvc.console.toml_text import MOST_DOTS, toml_tables
from tests.console.conftest import post

TOO_MUCH = {
    "keys": (".".join("a" * (MOST_DOTS + 2)) + " = 1", f"line 1 has more than {MOST_DOTS} dots"),
    "lists": ("x = " + "[" * 5_000 + "]" * 5_000, "nested too deep"),
    "tables": ("x = " + "{a = " * 3_000 + "1" + "}" * 3_000, "nested too deep"),
    "text": ("x = ", "no TOML"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_would_hold_up_the_service_is_refused(kind: str) -> None:
    text, named = TOO_MUCH[kind]
    with pytest.raises(SettingsError, match=named):
        toml_tables(text)


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_the_pages_name_it(admin: FlaskClient, kind: str) -> None:
    text, named = TOO_MUCH[kind]
    checked = post(admin, "/console/campaigns/weekly", "/console/campaigns/weekly/check", text=text)
    assert (checked.status_code, named in checked.text) == (200, True)
    tried = post(admin, "/console/placements", "/console/placements", settings=text, name="top")
    assert (tried.status_code, named in tried.text) == (200, True)


def test_a_form_that_is_too_large_is_refused_by_a_page(admin: FlaskClient) -> None:
    refused = post(admin, "/console/campaigns/weekly", "/console/campaigns/weekly", text="\U0001f600" * 90_000)
    assert (refused.status_code, refused.content_type) == (413, "text/html; charset=utf-8")
    assert "too long to be sent" in refused.text
