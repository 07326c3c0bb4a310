"""All tests here render with the kustomize that the project brings."""

from tests.unit.rendering import kustomize

__all__ = ["kustomize"]
