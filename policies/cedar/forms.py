"""Policies as data, in Cedar's own JSON: put into a set, or several made into one.

Nothing of what they say is changed, only who is told of it: each becomes a forbid, so that Cedar
names it whenever it fires.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cedarpy

_ANYTHING: dict[str, Any] = {"op": "All"}


def policy_set(forms: Mapping[str, Mapping[str, Any]]) -> cedarpy.PolicySet:
    """A policy set in which Cedar calls each policy by its key; ValueError for what Cedar cannot
    read back.
    """
    policies = {
        id: {part: value for part, value in form.items() if part != "annotations"}
        | {"effect": "forbid"}
        for id, form in forms.items()
    }
    return cedarpy.PolicySet.from_json_str(
        json.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []})
    )


def any_of(forms: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A policy that fires where one of these does, given that all are about the action that is
    asked about. Where one of them cannot be evaluated it fires or cannot be evaluated either.
    """
    whole = _tree("||", [_tree("&&", list(_terms(form))) for form in forms])
    return {
        "principal": _ANYTHING,
        "action": _ANYTHING,
        "resource": _ANYTHING,
        "conditions": [{"kind": "when", "body": whole}],
    }


def _terms(form: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What must hold for a policy to fire, in the order in which Cedar asks it."""
    for name in ("principal", "resource"):
        yield from _scope(name, form[name])
    for condition in form["conditions"]:
        body = condition["body"]
        yield body if condition["kind"] == "when" else {"!": {"arg": body}}


def _scope(name: str, scope: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    variable = {"Var": name}
    match scope:
        case {"op": "All"}:
            return
        case {"op": "==" | "in" as op, "entity": entity}:
            yield {op: {"left": variable, "right": _entity(entity)}}
        case {"op": "is", "entity_type": type_, "in": {"entity": entity}}:
            yield {"is": {"left": variable, "entity_type": type_, "in": _entity(entity)}}
        case {"op": "is", "entity_type": type_}:
            yield {"is": {"left": variable, "entity_type": type_}}
        case _:
            raise ValueError("a scope of another kind")


def _entity(entity: Any) -> dict[str, Any]:
    return {"Value": {"__entity": entity}}


def _tree(operator: str, terms: list[dict[str, Any]]) -> dict[str, Any]:
    """The terms in their order, nested as little as possible: Cedar reads only so deep."""
    if not terms:
        return {"Value": True}
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    left, right = _tree(operator, terms[:half]), _tree(operator, terms[half:])
    return {operator: {"left": left, "right": right}}
