"""What is learned: scorers, lists, the bundle and its registry. Imports numpy, scipy and the ranker's runtime only."""
