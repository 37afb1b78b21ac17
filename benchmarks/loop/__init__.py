"""A simulated shop that runs on recsvc for weeks: train, recommend, react, measure, retrain."""
