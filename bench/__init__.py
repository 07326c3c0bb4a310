"""How long things take and how much they need: `python -m bench`; and what is tried for hours, round after round."""
