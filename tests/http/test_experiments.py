"""Arms over HTTP: drawn by a hash, kept over restarts and workers, and carried in the signed id."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from models.errors import SettingsError
from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.experiments import POOL, read_experiments, shares_of
from recsvc.http.app import create_app
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings
from recsvc.keys import Scope
from recsvc.measure.checks import BROKEN_BELOW, sample_ratio
from recsvc.offers.holdout import bucket
from tests.http.conftest import SECRET, MakeKey

TOML = """
[placements.start]
scenario = "home"
n = 3

[placements.start-popular]
scenario = "popular"
n = 2

[experiments.look]
placement = "start"
arms.control.share = 0.5
arms.popular = {share = 0.5, placement = "start-popular"}

[experiments.fresh]
scenario = "home"
layer = "other"
traffic = [0.0, 0.5]
arms.control.share = 0.8
arms.discover = {share = 0.2, scenario = "discover"}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "recsvc.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def app(store: Path, live: LiveEngine, database: sa.Engine, config: Path) -> Flask:
    return create_app(ServeSettings(store=store, secret=SECRET, config=config), live, database)


def ask(client: FlaskClient, **asked: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer, and the arms in its id."""
    answer = client.post("/recommend", json=asked).get_json()
    signed = service_of(client.application).signer.read(answer["recommendation_id"])
    return answer, dict(signed.arms)


def test_arms_differ_in_their_lists(client: FlaskClient) -> None:
    seen = set()
    for n in range(12):
        answer, arms = ask(client, placement="start", customer_id=f"coffee-{n}")
        seen.add(arms["look"])
        expected = ("home", 3) if arms["look"] == "control" else ("popular", 2)
        assert (answer["scenario"], len(answer["items"])) == expected
    assert seen == {"control", "popular"}


def test_an_exploring_arm_shows_any_items_of_a_longer_list(
    store: Path, live: LiveEngine, database: sa.Engine, config: Path
) -> None:  # fmt: skip
    usual = 'arms.popular = {share = 0.5, placement = "start-popular"}'
    alone, _, _ = TOML.partition("[experiments.fresh]")
    config.write_text(alone.replace(usual, "arms.any = {share = 0.5, explore = 8}"))
    client = create_app(ServeSettings(store=store, secret=SECRET, config=config), live, database).test_client()
    lists: dict[str, set[tuple[str, ...]]] = {"control": set(), "any": set()}
    for n in range(24):
        visitor = f"coffee-{n % 8}"
        longer = client.post("/recommend", json={"customer_id": visitor, "scenario": "home", "n": 8}).get_json()
        answer, arms = ask(client, placement="start", customer_id=visitor)
        items = tuple(item["item_id"] for item in answer["items"])
        lists[arms["look"]].add((visitor, *items))
        assert len(set(items)) == 3
        if arms["look"] == "any":
            assert set(items) <= {item["item_id"] for item in longer["items"]}
            assert arms[POOL] == str(len(longer["items"])) == "8"
        else:
            assert POOL not in arms
            assert list(items) == [item["item_id"] for item in longer["items"][:3]]
        line = json.dumps({"placement": "start", "customer_id": visitor})
        batch = client.post("/recommend/batch", data=line, content_type="application/x-ndjson").get_data()
        signed = service_of(client.application).signer.read(json.loads(batch)["recommendation_id"])
        assert dict(signed.arms) == arms
        assert len(signed.items) == 3
    of_visitor = {arm: len({one[0] for one in found}) for arm, found in lists.items()}
    assert len(lists["control"]) == of_visitor["control"] > 0
    assert len(lists["any"]) > of_visitor["any"] > 0


def test_an_arm_stays_put_over_restarts_and_workers(
    client: FlaskClient, store: Path, database: sa.Engine, config: Path
) -> None:  # fmt: skip
    settings = ServeSettings(store=store, secret=SECRET, config=config)
    other = create_app(settings, LiveEngine(Registry(store)), database).test_client()
    for n in range(20):
        visitor = {"session_id": f"visit-{n}"}
        assert ask(client, placement="start", **visitor)[1] == ask(other, placement="start", **visitor)[1]


def test_shares_pass_the_sample_ratio_check(config: Path) -> None:
    experiments = read_experiments(config)
    look, fresh = experiments["look"], experiments["fresh"]
    visitors = [f"c{n}" for n in range(20_000)]
    drawn = Counter(look.draw("look", visitor) for visitor in visitors)
    assert sample_ratio([drawn["control"], drawn["popular"]], [0.5, 0.5]) > BROKEN_BELOW
    drawn = Counter(fresh.draw("fresh", visitor) for visitor in visitors)
    assert sample_ratio([drawn[None], drawn["control"], drawn["discover"]], [0.5, 0.4, 0.1]) > BROKEN_BELOW
    # Drawn anew from each other: who is in which arm of one says nothing of the other.
    both = Counter((look.draw("look", visitor), fresh.draw("fresh", visitor)) for visitor in visitors)
    assert sample_ratio([both[arm, "control"] for arm in ("control", "popular")], [1, 1]) > BROKEN_BELOW
    assert shares_of(experiments)["fresh"] == {"control": 0.8, "discover": 0.2}


def test_experiments_of_one_layer_share_nobody(tmp_path: Path) -> None:
    path = tmp_path / "recsvc.toml"
    arms = "arms = {control = {share = 0.5}, b = {share = 0.5, scenario = 'popular'}}"
    halves = [f"[experiments.{name}]\nscenario = 'home'\ntraffic = {part}\n{arms}\n" for name, part in
              (("one", "[0, 0.5]"), ("two", "[0.5, 1.0]"))]  # fmt: skip
    path.write_text("".join(halves))
    one, two = read_experiments(path).values()
    for n in range(2_000):
        assert (one.draw("one", f"c{n}") is None) != (two.draw("two", f"c{n}") is None)
    path.write_text("".join(halves).replace("[0, 0.5]", "[0, 0.6]"))
    with pytest.raises(SettingsError, match=r"\[experiments.one\] and \[experiments.two\] share visitors"):
        read_experiments(path)


def test_a_page_for_nobody_takes_part_in_nothing(client: FlaskClient) -> None:
    assert ask(client, placement="start")[1] == {}
    assert ask(client, scenario="popular", customer_id="coffee-1")[1] == {}


def test_scenarios_are_tested_where_no_placement_is_named(client: FlaskClient) -> None:
    found = [ask(client, customer_id=f"bath-{n}") for n in range(12)]
    assert {arms.get("fresh") for _, arms in found} >= {None, "control"}
    for answer, arms in found:
        assert answer["scenario"] == ("discover" if arms.get("fresh") == "discover" else "home")


def test_what_requests_may_set_is_the_same_in_each_arm(client: FlaskClient, config: Path) -> None:
    for n in range(6):
        assert client.post("/recommend", json={"placement": "start", "n": 5, "session_id": f"v{n}"}).status_code == 400


def test_models_are_compared(
    store: Path, live: LiveEngine, database: sa.Engine, config: Path
) -> None:  # fmt: skip
    version = live.current().version
    arms = f"""
[experiments.model]
scenario = "again"
layer = "models"
arms.control.share = 0.4
arms.same = {{share = 0.4, model = "{version}"}}
arms.gone = {{share = 0.2, model = "20200101T000000Z-00000000"}}
"""
    config.write_text(TOML + arms)
    client = create_app(ServeSettings(store=store, secret=SECRET, config=config), live, database).test_client()
    drawn = set()
    for n in range(40):
        answer, arm = ask(client, scenario="again", session_id=f"s{n}")
        drawn.add(arm["model"])
        assert answer["model_version"] == version
    assert drawn == {"control", "same", "gone"}
    assert "the model 20200101T000000Z-00000000 of an experiment" in client.get("/health/ready").get_json()["problem"]


def test_batches_carry_arms_too(client: FlaskClient) -> None:
    lines = b'{"placement": "start", "customer_id": "coffee-1"}\n{"placement": "start"}\n'
    answers = client.post("/recommend/batch", data=lines, content_type="application/x-ndjson").get_data().splitlines()
    signer = service_of(client.application).signer
    assert b"recommendation_id" in answers[0]
    ids = [answer.split(b'"recommendation_id":"')[1].split(b'"')[0].decode() for answer in answers]
    assert dict(signer.read(ids[0]).arms) == ask(client, placement="start", customer_id="coffee-1")[1]
    assert signer.read(ids[1]).arms == ()


def test_the_hash_is_the_one_of_campaigns() -> None:
    # SHA-256 of "salt|spring|ada" modulo 10,000.
    assert bucket("salt", "spring", "ada") == 1_152


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[experiments]\nlook = 3", "experiments.look is 3; expected a table"),
        ("[experiments.x]\nscenario = 'home'\narms = 3", "are no tables"),
        ("[experiments.x]\nscenario = 'home'", "has 0 arms; expected two or more"),
        ("[experiments.x]\narms.a.share = 0.5", "a placement, or a scenario"),
        ("[experiments.x]\nscenario = 'hom'", "expected one of"),
        ("[experiments.x]\nscenario = 'home'\ntraffic = [0.5, 0.1]", "expected two shares"),
        ("[experiments.x]\nscenario = 'home'\narms.a.share = 1.5", "share is 1.5"),
        ("[experiments.x]\nscenario = 'home'\narms.a = {share = 0.5, scenario = 'x'}", "scenario is 'x'"),
        ("[experiments.x]\nscenario = 'home'\narms.a = {share = 0.5}\narms.b = {share = 0.4}", "add up to 0.9"),
        ("[experiments.x]\nscenario = 'home'\narms.a = {share = 0.5}\narms.b = {share = 0.5, placement = 'p'}",
         "there is no placement 'p'"),
        ("[experiments.x]\nscenario = 'home'\nlayr = 'a'", "did you mean 'layer'"),
        ("[experiments.x]\nscenario = 'home'\narms.a = {share = 0.5, placement = 'p', scenario = 'home'}", "not both"),
    ],
)  # fmt: skip
def test_experiments_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recsvc.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        read_experiments(path)
    assert str(path) in str(caught.value)
    assert read_experiments(None) == {}


def test_figures_are_told_to_servers(client: FlaskClient, make_key: MakeKey) -> None:
    found = client.get("/kpis?days=7")
    assert found.status_code == 200
    assert found.get_json()["days"] == 7
    assert found.headers["Cache-Control"] == "private, no-store"
    assert client.get("/kpis?days=0").status_code == 400
    assert client.get("/kpis?dys=3").status_code == 400
    assert client.get("/kpis?campaign=a.toml").status_code == 400
    unknown = client.get("/kpis?campaign=spring")
    assert unknown.status_code == 404
    assert "never exported or sent" in unknown.get_json()["detail"]
    assert client.get("/kpis", headers=make_key(Scope.PUBLIC)).status_code == 403
    assert client.get("/kpis", headers=make_key(Scope.SERVER)).status_code == 200
