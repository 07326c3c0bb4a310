"""The steps of `complaints`: from raw complaints to a served classifier, and a report at every turn."""

from pipelines.steps.complaints.data import accept, ingest, schema, statistics, transform, validate
from pipelines.steps.complaints.model import approve, evaluate, train
from pipelines.steps.complaints.release import probe, push, register, serve, show_board

__all__ = [
    "accept",
    "approve",
    "evaluate",
    "ingest",
    "probe",
    "push",
    "register",
    "schema",
    "serve",
    "show_board",
    "statistics",
    "train",
    "transform",
    "validate",
]
