"""The shop's customers: who may be written to, where, and in which language."""
