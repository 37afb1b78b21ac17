"""Two instances on one PostgreSQL and one bucket: nothing fails while models and instances come and go."""

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.fleet import Instance, run, running
from benchmarks.swap import two_versions
from models.remote_registry import open_registry
from tests.conftest_bucket import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(400)]


def test_two_instances_lose_no_request_over_publish_rollback_and_restarts(
    tiny_store: Path, postgres_url: str, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RECSVC_REGISTRY", bucket.new_prefix())
    database = sa.make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    versions = two_versions(tiny_store, tmp_path / "trainer")
    registry = open_registry(tmp_path / "trainer")
    for version in reversed(versions):
        registry.publish(version, why="trained", now=datetime.now(UTC))
    environment = {**os.environ, "RECSVC_DATABASE_URL": database, "RECSVC_SECRET": uuid.uuid4().hex}
    instances = [Instance(tmp_path / name, environment) for name in ("one", "two")]
    with running(instances):
        balancer, course = run(instances, versions, registry, rounds=1, customers=["coffee-1", "bath-2"])
    assert dict(balancer.outcomes) == {"200": sum(balancer.outcomes.values())}
    assert balancer.versions == set(versions)
    assert min(balancer.answered[instance.port] for instance in instances) > 20
    assert len(course.seen_after) == 2
    assert len(course.event_seen_after) == 1
    for instance in instances:
        assert sorted(path.name for path in (instance.store / "bundles").iterdir()) == sorted(versions)
