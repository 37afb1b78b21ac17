"""Scorers that propose candidates; each is a frozen object of arrays with the protocol of `protocol.py`."""
