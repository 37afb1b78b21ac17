"""The console at `/console`: what runs, and what was learned, for the people who answer for it."""
