"""How good lists are: metrics, intervals, a backtest in time, and the report of it."""
