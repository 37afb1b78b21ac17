"""Fits what completes carts: tables of all but the latest orders, a ranker on these, and the tables of all orders."""
