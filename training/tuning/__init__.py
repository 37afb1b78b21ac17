"""Finds settings for one shop: a search on weeks before those that judge, and a second look before they are used."""
