"""The pipelines' steps, and what several of them share."""
