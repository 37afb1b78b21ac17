"""Publishing, rolling back, pruning; what a kill leaves behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import BundleError, InputError, RefusedError
from models.registry import Registry
from tests.models.test_bundle import seal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def registry_of(store: Path, n_bundles: int) -> tuple[Registry, list[str]]:
    versions = [seal(store, float(n), NOW + timedelta(hours=n)).version for n in range(n_bundles)]
    return Registry(store), versions


def test_nothing_is_published_at_first(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "not-there-yet")
    assert registry.versions() == []
    assert registry.current() is None
    assert registry.stamp() is None
    with pytest.raises(RefusedError, match="recsvc train"):
        registry.open()


def test_publish_makes_current_and_keeps_the_history(tmp_path: Path) -> None:
    registry, (first, second) = registry_of(tmp_path, 2)
    registry.publish(first, why="trained", now=NOW)
    before = registry.stamp()
    registry.publish(second[:16], why="by hand", now=NOW)
    assert registry.current() == second
    assert registry.stamp() != before
    assert registry.open().version == second
    assert [(entry.version, entry.why) for entry in registry.history()] == [(first, "trained"), (second, "by hand")]


def test_rollback_walks_back_and_not_to_and_fro(tmp_path: Path) -> None:
    registry, (first, second, third) = registry_of(tmp_path, 3)
    for version in (first, second, third):
        registry.publish(version, why="trained", now=NOW)
    assert registry.rollback(now=NOW) == second
    assert registry.rollback(now=NOW) == first
    with pytest.raises(RefusedError, match="nothing was published before"):
        registry.rollback(now=NOW)
    assert registry.current() == first


def test_where_nothing_is_published_there_is_nothing_to_go_back_from(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nothing is published, so"):
        Registry(tmp_path).rollback(now=NOW)


def test_a_damaged_bundle_is_not_published(tmp_path: Path) -> None:
    registry, (first, second) = registry_of(tmp_path, 2)
    registry.publish(first, why="trained", now=NOW)
    (registry.path(second) / "popular.score.npy").write_bytes(b"nonsense")
    with pytest.raises(BundleError, match="damaged"):
        registry.publish(second, why="trained", now=NOW)
    assert registry.current() == first
    assert [len(registry.verify(version)) for version in (first, second)] == [0, 1]


@pytest.mark.parametrize("name", ["", "2026", "20260301T999999Z-00000000", "../../etc"])
def test_a_version_that_names_none_or_several_is_refused(tmp_path: Path, name: str) -> None:
    registry, _ = registry_of(tmp_path, 2)
    with pytest.raises(InputError, match="recsvc models list"):
        registry.path(name)


def test_prune_keeps_the_published_and_the_one_before(tmp_path: Path) -> None:
    registry, versions = registry_of(tmp_path, 5)
    registry.publish(versions[1], why="trained", now=NOW)
    registry.publish(versions[0], why="by hand", now=NOW)
    assert registry.prune(1) == [versions[2], versions[3]]
    assert registry.versions() == [versions[0], versions[1], versions[4]]
    assert list(registry.work.iterdir()) == []


def test_a_current_that_is_no_version_names_the_remedy(tmp_path: Path) -> None:
    registry, _ = registry_of(tmp_path, 1)
    (tmp_path / "current").write_text("../evil\n")
    with pytest.raises(BundleError, match="recsvc models publish"):
        registry.current()


def test_a_line_cut_short_does_not_hide_the_history(tmp_path: Path) -> None:
    registry, (first,) = registry_of(tmp_path, 1)
    registry.publish(first, why="trained", now=NOW)
    with (tmp_path / "history.jsonl").open("a") as out:
        out.write('{"version": "2026')
    registry.publish(first, why="again", now=NOW)
    assert [entry.why for entry in registry.history()] == ["trained", "again"]


def test_a_killed_training_is_cleaned_up_and_a_running_one_is_not(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from models.registry import Registry\n"
        "with Registry(Path(sys.argv[1])).workspace() as work:\n"
        "    (work / 'half.npy').write_text('half'); print(work, flush=True); time.sleep(60)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        works = [Path(child.stdout.readline().strip()) for child in children if child.stdout]
        children[0].send_signal(signal.SIGKILL)
        children[0].wait()
        with registry.workspace() as mine:
            assert not works[0].exists()
            assert (works[1] / "half.npy").exists()
            assert mine.exists()
        assert not mine.exists()
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _publish_often(store: Path, version: str) -> None:
    for _ in range(20):
        Registry(store).publish(version, why=f"process {os.getpid()}", now=NOW)


def test_two_publishers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    registry, versions = registry_of(tmp_path, 2)
    context = multiprocessing.get_context("spawn")
    publishers = [context.Process(target=_publish_often, args=(tmp_path, version)) for version in versions]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
        assert publisher.exitcode == 0
    assert registry.current() in versions
    assert len(registry.history()) == 40
