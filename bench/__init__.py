"""How long things take and how much they need: `python -m bench`; and what is tried for hours, a round after the other."""
