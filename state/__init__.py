"""A stack's state in files, with a journal: what serves it to the engine."""
