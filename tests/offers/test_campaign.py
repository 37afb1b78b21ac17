"""Campaign files: what is refused, and that the message names section, key and remedy."""

from pathlib import Path

import pytest

from models.errors import SettingsError
from recsvc.offers.campaign import load_campaign
from tests.conftest_shop import run_recsvc
from tests.offers.made_up import CAMPAIGN, made_up_campaign

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*.toml") if "[campaign]" in path.read_text(encoding="utf-8"))


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    campaign = made_up_campaign(tmp_path)
    assert campaign.id == "golden"
    assert [(slot.name, slot.scenario, slot.n) for slot in campaign.slots] == [
        ("again", "again", 2),
        ("new", "discover", 1),
    ]
    assert campaign.slots[1].heading_in("en") == "New to you"
    assert set(campaign.texts) == {"de", "en"}
    assert campaign.link.utm_medium == "email"
    assert campaign.audience_file is None


def test_everybody_is_written_to_in_a_language_of_the_campaign(tmp_path: Path) -> None:
    campaign = made_up_campaign(tmp_path, CAMPAIGN.replace('[mail.en]\nsubject = "News"\n', ""))
    assert campaign.locale_for("de-AT") == "de-AT"
    assert campaign.locale_for("en-GB") == "de"
    assert campaign.locale_for(None) == "de"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_of_the_documentation_are_fine(path: Path) -> None:
    result = run_recsvc("offers", "check", path)
    assert result.exit_code == 0, result.stderr
    assert "is fine" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[campaign]", "[campain]", "unknown key 'campain' in [the file]; did you mean 'campaign'?"),
        ('id = "golden"', 'id = "golden"\nlocal = "de"', "unknown key 'local' in [campaign]; did you mean 'locale'?"),
        ('id = "golden"', 'id = "a/b"', "[campaign]: id is 'a/b'; expected up to 64 letters, digits, '-' and '_'"),
        ('id = "golden"', "id = 7", "id in [campaign] is 7; expected str"),
        ('id = "golden"\n', "", "[campaign] lacks id"),
        ('locale = "de"', 'locale = "fr"', "[campaign]: locale is 'fr'; there are texts for de, en"),
        ('locale = "de"', 'locale = "../x"', "[campaign]: locale is '../x'"),
        ("n = 2", "n = 0", "[slots, number 1]: n is 0; expected 1 to 16 items"),
        ("n = 2", 'n = "two"', "n in [slots, number 1] is 'two'; expected int"),
        ("n = 2", "n = true", "n in [slots, number 1] is True; expected int"),
        ("n = 2", "n = 16", "the slots ask for 17 items in all; a mail takes up to 16"),
        ('name = "new"', 'name = "again"', "[slots, number 2]: name 'again' is taken by an earlier slot"),
        ('name = "new"', 'name = "New Things"', "[slots, number 2]: name is 'New Things'"),
        ('"discover"', '"discovery"', "[slots, number 2]: scenario is 'discovery'; did you mean 'discover'?"),
        ('"discover"', '"weather"', "scenario is 'weather'; expected one of home, discover, again,"),
        (', en = "New to you"', "", "[slots, number 2]: heading lacks en, a language of the mail"),
        ('en = "New to you"', 'en = "x", eng = "y"', "unknown key 'eng' in [heading of slot new]; did you mean 'en'?"),
        ('en = "New to you"', "en = 3", "[slots, number 2]: heading is 3 in en; expected text on one line"),
        ('en = "New to you"', 'en = "a\\r\\nb"', "heading is 'a\\r\\nb' in en; expected text on one line"),
        ('imprint_url = "https://shop.example/impressum"\n', "", "[mail] lacks imprint_url"),
        ("unsubscribe_url = ", "# ", "unsubscribe_url and service_url are both missing"),
        ("https://shop.example/datenschutz", "javascript:alert(1)", "privacy_url is 'javascript:alert(1)'; expected"),
        ("https://shop.example/datenschutz", "/datenschutz", "privacy_url is '/datenschutz'; expected a link"),
        ("angebote@shop.example", "angebote", "from_address is 'angebote'; expected an e-mail address"),
        ("Laden & Söhne", "Laden\\r\\nBcc: x@y.example", "from_name is 'Laden\\r\\nBcc: x@y.example'; expected text"),
        ("Laden & Söhne", " ", "from_name is empty"),
        ('subject = "News"', 'subject = "Re: your order"', "[mail.en]: subject begins like an answer"),
        ('subject = "News"', 'subject = "AW: Bestellung"', "subject begins like an answer"),
        ('subject = "News"', 'subject = ""', "[mail.en]: subject is empty"),
        ('subject = "News"', 'subject = "a\\nb"', "[mail.en]: subject is 'a\\nb'; expected text on one line"),
        ('subject = "News"', 'subjekt = "News"', "unknown key 'subjekt' in [mail.en]; did you mean 'subject'?"),
        ('subject = "News"', 'subject = "Hi {vorname}"', "has the placeholder {vorname}; known are {first_name}, "),
        ('subject = "News"', 'subject = "{item.__class__}"', "subject has the placeholder {item.__class__}"),
        ('subject = "News"', 'subject = "{item!r:>99}"', "subject has the placeholder {item!r:>99}"),
        ('subject = "News"', 'subject = "100 % {"', "where a brace has no partner"),
        ('subject = "News"', 'subject = "Hi {first_name}"', "add subject_without_name for customers whose name is"),
        ("[mail.de]", "[mail.fr]", "unknown key 'fr' in [mail]"),
        ('[mail.de]\nsubject = "Neues"', "", "[mail.de] with the subject is missing; it is the language of"),
        ("[mail.en]", '[link]\nutm_source = "kim@mail.example"\n[mail.en]', "utm_source is 'kim@mail.example'; links"),
        ("[mail.en]", '[link]\nutm_sauce = "x"\n[mail.en]', "unknown key 'utm_sauce' in [link]; did you mean"),
        ("[mail.en]", '[link]\nproduct_url = "https://shop.example/"\n[mail.en]', "product_url is 'https://shop.ex"),
        ("[mail.en]", '[audience]\ncustomers = "ids.csv"\n[mail.en]', "customers in [audience] is 'ids.csv'; expected"),
        ("[mail.en]", '[audience]\nlocale = "de"\n[mail.en]', "locale in [audience] is 'de'; expected a list"),
        ("[mail.en]", '[audience]\nlocale = ["klingon"]\n[mail.en]', "[audience]: locale is 'klingon'; there are"),
        ("from_name =", 'templates = "mine"\nfrom_name =', "templates in [mail] is 'mine'; there is no folder"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CAMPAIGN
    with pytest.raises(SettingsError) as error:
        made_up_campaign(tmp_path, CAMPAIGN.replace(old, new, 1))
    assert message in str(error.value)
    assert str(tmp_path / "campaign.toml") in str(error.value)


def test_slots_must_be_there(tmp_path: Path) -> None:
    head, _, rest = CAMPAIGN.partition("[[slots]]")
    with pytest.raises(SettingsError, match="there is no"):
        made_up_campaign(tmp_path, head + rest[rest.index("[mail]") :])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a = \nb = 2\n", "line 1"), ("# über".encode("latin-1"), "is not UTF-8"), (b"", "[campaign] lacks id, locale")],
)
def test_a_file_that_is_no_toml_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "campaign.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load_campaign(path)
    assert message in str(error.value)


def test_the_command_exits_with_2_and_one_line(tmp_path: Path) -> None:
    result = run_recsvc("offers", "check", tmp_path / "missing.toml")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [f"recsvc: {tmp_path}/missing.toml: no such file"]


def test_check_notes_what_could_be_better(tmp_path: Path) -> None:
    made_up_campaign(tmp_path, CAMPAIGN.replace('"News"', '"' + "News " * 14 + 'and more"\npreheader = "Short"'))
    result = run_recsvc("offers", "check", tmp_path / "campaign.toml")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "note: [mail.en] subject: 78 characters; phones cut after 60",
        "note: [mail.en] preheader: 5 characters; 40 to 110 are shown well",
        "note: [mail.de] has no preheader, the line that inboxes show after the subject",
    ]
