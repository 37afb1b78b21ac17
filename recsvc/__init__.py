"""How it is used: engine, HTTP API, offers, state and the command line."""
