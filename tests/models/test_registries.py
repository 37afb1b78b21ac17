"""What every registry keeps to, wherever its bundles lie."""

import threading

import pytest

from models.errors import BundleError, InputError, RefusedError
from tests.models.conftest import NOW, Fleet

pytestmark = pytest.mark.timeout(120)


def test_nothing_is_published_at_first(fleet: Fleet) -> None:
    registry = fleet.machine()
    assert registry.versions() == []
    assert registry.current() is None
    assert registry.history() == []
    with pytest.raises(RefusedError, match="recsvc train"):
        registry.open()
    with pytest.raises(RefusedError, match="nothing is published, so"):
        registry.rollback(now=NOW)


def test_what_one_machine_publishes_another_one_opens(fleet: Fleet) -> None:
    first, second = fleet.seal(2)
    trainer, server = fleet.machine(), fleet.machine("server")
    trainer.publish(first, why="trained", now=NOW)
    assert server.current() == first
    trainer.publish(second[:16], why="by hand", now=NOW)
    assert server.current() == second
    bundle = server.open()
    assert (bundle.version, bundle.arrays["popular.score"].tolist()) == (second, [1.0, 2.0])
    assert server.open(first).arrays["popular.score"].tolist() == [0.0, 2.0]
    assert bundle.document("report.txt") == "fine"
    assert server.manifest(second) == bundle.manifest
    assert [(entry.version, entry.why) for entry in server.history()] == [(first, "trained"), (second, "by hand")]
    assert second in server.place(second)


def test_rollback_walks_back_and_not_to_and_fro(fleet: Fleet) -> None:
    first, second, third = fleet.seal(3)
    registry, other = fleet.machine(), fleet.machine("laptop")
    for version in (first, second, third):
        registry.publish(version, why="trained", now=NOW)
    assert other.rollback(now=NOW) == second
    assert registry.rollback(now=NOW) == first
    with pytest.raises(RefusedError, match="nothing was published before"):
        other.rollback(now=NOW)
    assert registry.current() == other.current() == first


def test_a_bundle_that_is_not_whole_is_not_published(fleet: Fleet) -> None:
    first, second = fleet.seal(2)
    registry = fleet.machine()
    registry.publish(first, why="trained", now=NOW)
    fleet.spoil(second, "popular.score.npy", None)
    with pytest.raises(BundleError, match="popular.score.npy"):
        fleet.machine().publish(second, why="trained", now=NOW)
    assert registry.current() == first


def test_a_flipped_bit_is_found(fleet: Fleet) -> None:
    first, second = fleet.seal(2)
    fleet.spoil(second, "report.txt", b"finf")
    registry = fleet.machine()
    assert registry.verify(first) == []
    assert [problem for problem in registry.verify(second) if "report.txt" in problem and "damaged" in problem]


@pytest.mark.parametrize("name", ["", "2026", "20260301T999999Z-00000000", "../../etc"])
def test_a_version_that_names_none_or_several_is_refused(fleet: Fleet, name: str) -> None:
    fleet.seal(2)
    for ask in (fleet.machine().path, fleet.machine().find, fleet.machine("server").manifest):
        with pytest.raises(InputError, match="recsvc models list"):
            ask(name)
    with pytest.raises(InputError, match="recsvc models list"):
        fleet.machine().publish(name, why="test", now=NOW)


def test_prune_keeps_the_published_and_the_one_before(fleet: Fleet) -> None:
    versions = fleet.seal(5)
    registry = fleet.machine()
    registry.publish(versions[1], why="trained", now=NOW)
    registry.publish(versions[0], why="by hand", now=NOW)
    assert fleet.machine("laptop").prune(1) == [versions[2], versions[3]]
    assert registry.versions() == [versions[0], versions[1], versions[4]]
    assert fleet.machine("laptop").prune(1) == []
    assert registry.open().version == versions[0]


def test_two_who_publish_at_once_are_both_in_the_history(fleet: Fleet) -> None:
    versions = fleet.seal(2)
    errors: list[BaseException] = []

    def publish(version: str) -> None:
        registry = fleet.machine(f"trainer of {version}")
        try:
            for turn in range(8):
                registry.publish(version, why=f"turn {turn}", now=NOW)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=publish, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    registry = fleet.machine()
    history = registry.history()
    assert sorted((entry.version, entry.why) for entry in history) == sorted(
        (version, f"turn {turn}") for version in versions for turn in range(8)
    )
    assert registry.current() == history[-1].version
