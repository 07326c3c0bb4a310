"""Steps between releases as data: what a release leaves undone with what an older one has left.

Each row of the table (`ops.migrations.table`) is a module of its own here. Which rows a run is about is told by its
state, its graph and the live cluster, never by the number of a release: so a run that was cut short goes on, and a
release that nobody has seen yet is served, too.
"""
