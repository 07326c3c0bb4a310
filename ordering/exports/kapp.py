"""kapp: a change group for each object that others need, and a change rule for each direct need.

Annotations and waiting rules are those of kapp 0.64 ("Apply Ordering", "Apply Waiting", "Config"). kapp waits for
built-in kinds by itself; for conditions of custom resources, and for what a controller writes into an object, its
configuration says so.
"""

import hashlib
import json
import re
from typing import Any

from ordering.exports.export import Export, annotated, dump, needs, objects, shared_notes
from ordering.graph import Graph, Node, ObjectId

GROUP = "kapp.k14s.io/change-group"
RULE = "kapp.k14s.io/change-rule"


# kapp's own matchers either count a condition of an earlier generation, or wait for ever for a kind that does not tell
# in its status which generation it has observed (pkg/kapp/resourcesmisc/custom_waiting_resource.go), as cert-manager's
# Issuers do not.
_RULE = """\
def is_done(resource):
  generation = getattr(resource.metadata, "generation", None)
  status = getattr(resource, "status", None)
  if status != None and getattr(status, "observedGeneration", generation) == generation:
    for one in getattr(status, "conditions", None) or []:
      if one.type == {condition} and one.status == "True":
        if getattr(one, "observedGeneration", generation) == generation:
          return {{"done": True, "successful": True, "message": ""}}
        end
      end
    end
  end
  return {{"done": False, "successful": False, "message": "Waiting for condition " + {condition}}}
end
"""

_FIELDS = """\
def at(value, path):
  for step in path:
    if value == None:
      return None
    end
    if type(step) == "int":
      value = value[step] if len(value) > step else None
    else:
      value = getattr(value, step, None)
    end
  end
  return value
end

def is_done(resource):
  for path, text in {wanted}:
    found = at(resource, path)
    if not found or (text and found != text):
      return {{"done": False, "successful": False, "message": "Waiting for " + str(path[-1])}}
    end
  end
  return {{"done": True, "successful": True, "message": ""}}
end
"""
_JSONPATH = re.compile(r"jsonpath=\{(?P<path>[\w.\[\]]+)\}(?:=(?P<text>.*))?")
_STEP = re.compile(r"\w+")


def export(graph: Graph) -> Export:
    """One file for `kapp deploy`: the objects, and a configuration with what to wait for."""
    nodes = objects(graph)
    direct = {node.id: needs(graph, node) for node in nodes}
    needed = {need for found in direct.values() for need in found}
    found: list[dict[str, Any]] = []
    for node in nodes:
        extra = {f"{GROUP}.order": _group(node.id)} if node.id in needed else {}
        for number, need in enumerate(direct[node.id]):
            extra[f"{RULE}.up-{number}"] = f"upsert after upserting {_group(need)}"
            extra[f"{RULE}.down-{number}"] = f"delete before deleting {_group(need)}"
        if node.made_by:
            extra["kapp.k14s.io/delete-strategy"] = "orphan"
        found.append(annotated(node, extra))
    if rules := [*_field_rules(nodes), *_condition_rules(nodes)]:
        found.append({"apiVersion": "kapp.k14s.io/v1alpha1", "kind": "Config", "waitRules": rules})
    return Export({"resources.yaml": dump(found)}, tuple(shared_notes(graph, conditions=True, fields=True)))


def _group(id_: ObjectId) -> str:
    """A name for an object that fits kapp's charset, which an id with colons does not."""
    digest = hashlib.sha256(str(id_).encode()).hexdigest()[:12]
    return f"order/{id_.kind.lower()}-{digest}"


def _field_rules(nodes: list[Node]) -> list[dict[str, Any]]:
    """A rule for each object that others wait to have something written into, such as a webhook's caBundle."""
    rules = []
    for node in nodes:
        found = [one for one in map(_JSONPATH.fullmatch, node.wait.expressions) if one]
        if not found:
            continue
        wanted = [
            [[int(step) if step.isdecimal() else step for step in _STEP.findall(one["path"])], one["text"] or ""]
            for one in found
        ]
        about = {"kind": node.id.kind, "name": node.id.name}
        if place := node.manifest["metadata"].get("namespace"):
            about["namespace"] = place
        rules.append(
            {
                "ytt": {"funcContractV1": {"resource.star": _FIELDS.format(wanted=json.dumps(wanted))}},
                "resourceMatchers": [{"kindNamespaceNameMatcher": about}],
            }
        )
    return rules


def _condition_rules(nodes: list[Node]) -> list[dict[str, Any]]:
    """A rule for each condition of a custom kind that somebody waits for."""
    wanted = {
        (node.id.api_version, node.id.kind, expression.removeprefix("condition=").partition("=")[0])
        for node in nodes
        for expression in node.wait.expressions
        if expression.startswith("condition=") and node.id.kind not in ("CustomResourceDefinition", "APIService")
    }
    return [
        {
            "ytt": {"funcContractV1": {"resource.star": _RULE.format(condition=json.dumps(condition))}},
            "resourceMatchers": [{"apiVersionKindMatcher": {"apiVersion": api_version, "kind": kind}}],
        }
        for api_version, kind, condition in sorted(wanted)
    ]
