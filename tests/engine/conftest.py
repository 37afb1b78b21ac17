"""Engines over the tiny shop: as it was trained, and with small trees that rank."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from models.catalogue import Catalogue
from models.features import features, matrix
from models.ranker import Ranker
from models.recommender import Recommender
from models.registry import Registry
from recsvc.engine import Engine

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def engine(tiny_store: Path) -> Engine:
    """The tiny shop's engine, whose lists a baseline orders."""
    return Engine.from_bundle(Registry(tiny_store).open())


@pytest.fixture(scope="session")
def ranked_engine(engine: Engine) -> Engine:
    """The same with trees, and without stored lists, which the baseline made."""
    recommender = engine.recommender
    ranker = trees_over(recommender)
    with_trees = replace(recommender, rankers={"home": ranker, "discover": ranker})
    return Engine(engine.manifest, engine.customers, engine.catalogue, with_trees, {})


def trees_over(recommender: Recommender) -> Ranker:
    """Small trees that learned what the customers bought more than twice."""
    queries = recommender.queries(np.arange(len(recommender.histories)))
    candidates, said = recommender.find(queries)
    columns = features(queries, candidates, recommender.statistics, said)
    names = tuple(columns)
    parameters = {"objective": "binary", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "seed": 1}
    liked = (columns["times"] > 2) | (columns["neighbours"] > np.median(columns["neighbours"]))
    table = matrix(columns, names, np.arange(len(liked)))
    dataset = lightgbm.Dataset(table, liked.astype(np.int8), feature_name=list(names))
    booster = lightgbm.train({**parameters, "num_threads": 1}, dataset, 20)
    return Ranker(booster.model_to_string(), names, np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.1, 0.9]))


def with_catalogue(engine: Engine, catalogue: Catalogue) -> Engine:
    """The same engine over another catalogue."""
    return Engine(engine.manifest, engine.customers, catalogue, engine.recommender, engine.stored)
