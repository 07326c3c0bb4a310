"""Kubeflow Pipelines to start from, and the command that compiles, runs, schedules and watches them."""
