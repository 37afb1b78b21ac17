"""Sending a campaign by SMTP: each mail at most once, none forgotten, and what is not known said so."""
