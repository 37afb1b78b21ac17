"""The shapes of mailing tools, and their limits."""

import csv
import io
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import orjson
import pytest

from models.errors import SettingsError
from recsvc.offers.offer import OfferBenefit, OfferSlot
from recsvc.offers.plain_files import TOO_LARGE, Writer
from recsvc.offers.sending.message import MessageBuilder
from recsvc.offers.tools import Brevo, Klaviyo, Mailchimp, SendGrid, Ses
from recsvc.offers.writing import offer_files
from tests.offers.conftest import NOW, export
from tests.offers.made_up import CAMPAIGN, made_up_campaign, made_up_item, made_up_offer

TEMPLATES = '\n[export]\nbrevo_template = 12\nsendgrid_template = "d-abc"\nses_template = "spring"\n'
URL = "https://r.shop.example/u/AAAA"
BENEFIT = OfferBenefit(
    benefit_id="ten", kind="percent", text="10 % Rabatt", conditions="", conditions_url="", until="", code="K3", why=""
)  # fmt: skip


def written(folder: Path, kind: type[Writer], *offers: Any) -> tuple[Writer, str]:
    out = io.BytesIO()
    writer = kind(out, made_up_campaign(folder, CAMPAIGN + TEMPLATES))  # type: ignore[call-arg]
    for offer in offers:
        writer.write(offer)
    writer.finish()
    return writer, out.getvalue().decode()


def long_offer(**item: object) -> Any:
    slot = OfferSlot(name="again", scenario="again", heading="", fallback=None, items=(made_up_item(**item),) * 2)
    return made_up_offer(slots=(slot,), unsubscribe_url=URL)


def test_mailchimp_keeps_to_its_fields(tmp_path: Path) -> None:
    offer = made_up_offer(unsubscribe_url=URL, benefits=(BENEFIT,))
    _, text = written(tmp_path, Mailchimp, offer)
    header, row = csv.reader(io.StringIO(text))
    assert len(header) - 1 <= 29
    assert max(len(tag) for tag in header[1:]) <= 10
    cells = dict(zip(header, row, strict=True))
    assert cells["Email Address"] == "kim@mail.example"
    assert cells["R1_NAME"] == "Vollmilch 3,8 %"
    assert (cells["B_TEXT"], cells["B_CODE"]) == ("10 % Rabatt", "K3")
    assert cells["R3_NAME"] == ""


def test_mailchimp_cuts_texts_between_words_and_no_link(tmp_path: Path) -> None:
    _, text = written(tmp_path, Mailchimp, long_offer(title="Ätherisches Öl " * 40))
    _, row = csv.reader(io.StringIO(text))
    assert max(len(cell.encode()) for cell in row) <= 255
    assert row[6].endswith("…")
    _, text = written(tmp_path, Mailchimp, long_offer(link="https://shop.example/" + "a" * 300))
    _, row = csv.reader(io.StringIO(text))
    assert row[6:] == [""] * (len(row) - 6)


def test_klaviyo_has_a_profile_a_line(tmp_path: Path) -> None:
    _, text = written(tmp_path, Klaviyo, made_up_offer(unsubscribe_url=URL))
    attributes = orjson.loads(text)["data"]["attributes"]
    assert attributes["external_id"] == "c1"
    assert attributes["properties"]["offer_golden"]["items"][0]["title"] == "Vollmilch 3,8 %"
    writer, text = written(tmp_path, Klaviyo, long_offer(title="x" * 60_000))
    assert (writer.left_out[TOO_LARGE], text) == (1, "")


def test_brevo_bundles_readers_up_to_its_size(tmp_path: Path) -> None:
    offers = [long_offer(title="x" * 20_000) for _ in range(13)]
    _, text = written(tmp_path, Brevo, *offers)
    requests = [orjson.loads(line) for line in text.splitlines()]
    assert sum(len(request["messageVersions"]) for request in requests) == 13
    assert len(requests) > 1
    for request in requests:
        assert request["templateId"] == 12
        sizes = [len(orjson.dumps(version["params"])) for version in request["messageVersions"]]
        assert sum(sizes) <= 1_000_000
        assert max(sizes) <= 100_000


def test_sendgrid_has_a_thousand_a_request_and_both_headers(tmp_path: Path) -> None:
    _, text = written(tmp_path, SendGrid, *[made_up_offer(unsubscribe_url=URL)] * 1001)
    first, second = (orjson.loads(line) for line in text.splitlines())
    assert (len(first["personalizations"]), len(second["personalizations"])) == (1000, 1)
    one = second["personalizations"][0]
    assert one["headers"] == {"List-Unsubscribe": f"<{URL}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert one["dynamic_template_data"]["slots"][0]["items"]
    assert "customer_id" not in one["dynamic_template_data"]
    assert first["template_id"] == "d-abc"


def test_ses_has_fifty_entries_whose_data_is_json_in_a_string(tmp_path: Path) -> None:
    _, text = written(tmp_path, Ses, *[made_up_offer(unsubscribe_url=URL)] * 51)
    first, second = (orjson.loads(line) for line in text.splitlines())
    assert (len(first["BulkEmailEntries"]), len(second["BulkEmailEntries"])) == (50, 1)
    entry = second["BulkEmailEntries"][0]
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert orjson.loads(data)["subject"] == "Kim, neu für Sie"
    assert {header["Name"] for header in entry["ReplacementHeaders"]} == {"List-Unsubscribe", "List-Unsubscribe-Post"}
    writer, _ = written(tmp_path, Ses, long_offer(title="x" * 140_000))
    assert writer.left_out[TOO_LARGE] == 1


@pytest.mark.parametrize("kind", [Brevo, SendGrid, Ses])
def test_a_template_must_be_named(tmp_path: Path, kind: type[Any]) -> None:
    with pytest.raises(SettingsError, match=r"_template in \[export\] is missing"):
        kind(io.BytesIO(), made_up_campaign(tmp_path))


def test_all_formats_from_the_command(shop_store: Path, campaign_file: Path, tmp_path: Path) -> None:
    with campaign_file.open("a", encoding="utf-8") as text:
        text.write(TEMPLATES)
    formats = "csv,jsonl,eml,mailchimp,klaviyo,brevo,sendgrid,ses"
    summary, _ = export(campaign_file, shop_store, tmp_path / "out", "--to", formats)
    assert len(summary["files"]) == 8
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(Path(file).name for file in [*summary["files"], "golden.eml"])
    mails = sorted((tmp_path / "out" / "golden.eml").rglob("*.eml"))
    assert len(mails) == 4
    for path in mails:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert message["To"]
        assert not message.defects
    export(campaign_file, shop_store, tmp_path / "out", "--to", "eml,jsonl")
    assert len(list((tmp_path / "out" / "golden.eml").rglob("*.eml"))) == 4


def test_mails_that_break_off_leave_the_old_ones(tmp_path: Path) -> None:
    campaign = made_up_campaign(tmp_path)
    builder = MessageBuilder(campaign, b"secret", now=NOW)
    offer = made_up_offer(unsubscribe_url=URL)
    for number in range(2):
        try:
            with offer_files(tmp_path / "out", campaign, ("eml",), builder) as (writers, _):
                writers[0].write(offer)
                if number:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["golden.eml", "golden.eml.csv"]
