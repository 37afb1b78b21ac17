"""`recsvc offers preview`: one customer's mail, and what to know about it."""

import re
from pathlib import Path

import pytest

from tests.conftest_shop import run_recsvc


def test_preview_writes_the_mail_of_one_customer(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "mail.html"
    result = run_recsvc(
        "offers", "preview", campaign_file, "--customer", "coffee-1", "--store", shop_store, "--out", out
    )
    assert result.exit_code == 0
    assert "note" not in result.stderr
    assert "subject: Neues" in result.stderr
    shown = out.read_text(encoding="utf-8")
    assert '<html lang="de"' in shown
    assert "Hallo Kim," in shown
    assert re.search(r"Kaffee|Coffee", shown)


@pytest.mark.parametrize(
    ("customer", "notes"),
    [
        ("bath-5", ["customer bath-5 would get no mail: no consent to e-mail"]),
        ("bath-6", ["customer bath-6 would get no mail: no e-mail address"]),
        ("bath-4", ["customer bath-4 has not agreed to a profile, so this is what is popular with everybody"]),
        ("coffee-2", ["customer coffee-2 is not in the customer table and would get no mail"]),
        ("newcomer", ["the model does not know customer newcomer, so this is what is popular"]),
    ],
)
def test_preview_notes_what_the_customer_would_not_get(
    shop_store: Path, campaign_file: Path, customer: str, notes: list[str]
) -> None:
    result = run_recsvc(
        "offers", "preview", campaign_file, "--customer", customer, "--store", shop_store, "--text", "--locale", "en"
    )
    assert result.exit_code == 0
    assert [line.removeprefix("note: ") for line in result.stderr.splitlines() if line.startswith("note")] == notes
    assert "Unsubscribe: https://shop.example/abmelden?a=1&b=2" in result.stdout
