"""What `pulumi up` runs; the program is in infra/program.py, and `make up` runs the same."""

from pathlib import Path

from infra.kubeflow.plain import before
from infra.program import run

run(Path(__file__).resolve().parent, before)
