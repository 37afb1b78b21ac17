"""Purchases as the last training left them, checked and netted, so that the next one reads only what is new."""
