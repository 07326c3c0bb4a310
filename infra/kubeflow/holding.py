"""Kinds of objects with which data goes that nobody can make again."""

HOLDING = {
    "apiextensions.k8s.io/CustomResourceDefinition": "all objects of that kind",
    "core/Namespace": "all that people made in it",
    "core/PersistentVolume": "the volume's content",
    "core/PersistentVolumeClaim": "the volume's content",
    "kubeflow.org/Profile": "the namespace with its volumes",
}
"""What goes with an object, by its group and kind; `core` is the group without a name."""

PROTECTED = frozenset({"core/PersistentVolume", "core/PersistentVolumeClaim", "kubeflow.org/Profile"})
"""Those that a protected stack keeps: the databases' and the object store's volumes, and people's.

Definitions and namespaces come and go with releases; one in which people have something takes their word (`LOSE`).
"""
