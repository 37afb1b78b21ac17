"""One module a source: each function takes TrainingData and settings and returns a finished source."""
