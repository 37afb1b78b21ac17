"""Benefits of a mail: what there is, who may have it, what it is worth, and how often it may be given."""
