"""Yes and no as shops' files write them, in German and English."""

# An empty cell is a no: what nobody has agreed to is not done.
FLAG_WORDS = {
    "true": True, "1": True, "yes": True, "y": True, "t": True, "ja": True, "j": True, "wahr": True,
    "false": False, "0": False, "no": False, "n": False, "f": False, "nein": False, "falsch": False, "": False,
}  # fmt: skip
