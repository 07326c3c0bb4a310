"""The commands: one module each, named after what is typed, with a click command called `command`."""
