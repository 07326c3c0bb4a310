"""The `random` package: passwords, strings, bytes and ids that live in the stack's state alone."""
