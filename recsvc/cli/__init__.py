"""The command `recsvc`: one module a command, loaded when it is used."""
