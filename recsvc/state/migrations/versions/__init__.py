"""Revisions, oldest first; each is final once released."""
