"""`make doctor`: what would stop a stack, looked for before anything is made, each with what to do about it."""
