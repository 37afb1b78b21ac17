"""How it is learned: read purchases, fit, publish. The only place that imports implicit, scikit-learn, Ibis and
DuckDB.
"""
