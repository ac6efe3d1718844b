"""The world as Cedar is told it: types of things, and one action for each tool.

The schema is made from the tools' specifications and the manifest, so a policy that names a tool,
an argument or an attribute nobody has does not load. What the manifest says of its resources is
also the only thing Cedar knows of them.

    Agent        role: String
    Environment  stage: String
    Metric       whatever the manifest's metrics have; optional where one of them has it not
    action       principal Agent; resource Environment or the kinds its arguments can name
    Tool         names, and nothing more: what `context.flow.sources` holds
    context      args, environment {name, stage}, step, phase, trigger, started_by, effect,
                 trusted {a Bool for each argument}, flow {untrusted, steered, sensitive, outward,
                 sources}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from lockstep.decision import Principal, Request
from lockstep.environment import Attribute, Environment
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.tool import ToolSpec
from policies.cedar.targets import kinds, unreachable
from policies.cedar.types import NONE, Fields, declared, project, read

AGENT = "Agent"
ENVIRONMENT = "Environment"
TOOL = "Tool"
_TAKEN = frozenset({AGENT, ENVIRONMENT, TOOL, "Action"})
_KIND = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FACTS = ("step", "phase", "trigger", "started_by", "effect")
_STRING: dict[str, Any] = {"type": "String"}
_BOOLEAN: dict[str, Any] = {"type": "Boolean"}
_FLOW: dict[str, Any] = {
    **dict.fromkeys(("untrusted", "steered", "sensitive", "outward"), _BOOLEAN),
    "sources": {"type": "Set", "element": {"type": "Entity", "name": TOOL}},
}


@dataclass(frozen=True)
class Vocabulary:
    """What policies may speak of. `args` and `targets` are by tool, `types` by resource kind."""

    document: dict[str, Any]
    args: Mapping[str, Fields]
    targets: Mapping[str, frozenset[str]]
    types: Mapping[str, str]

    def attributes(self, entity: str) -> list[str]:
        shape = self.document[""]["entityTypes"].get(entity, {}).get("shape", {})
        return sorted(shape.get("attributes", ()))

    def context(self, tool: str) -> dict[str, Any]:
        """The type of `context` where a tool is called."""
        found: dict[str, Any] = self.document[""]["actions"][tool]["appliesTo"]["context"]
        return found

    @property
    def actions(self) -> list[str]:
        return sorted(self.args)


def vocabulary(tools: Mapping[str, ToolSpec], environment: Environment) -> Vocabulary:
    """Everything that can be named; LS-POLICY-001 for what Cedar could only name ambiguously."""
    targets = {name: kinds(spec.input) for name, spec in sorted(tools.items())}
    types = {
        kind: camel(kind)
        for kind in sorted(
            {*environment.resources, *(k for named in targets.values() for k in named)}
        )
    }
    problems = [
        *_same_types(types),
        *_contradictions(environment),
        *(found for spec in tools.values() for found in unreachable(spec)),
    ]
    if problems:
        raise LockstepError(*problems)
    args = {name: read(spec.input) for name, spec in sorted(tools.items())}
    document = {
        "": {
            "entityTypes": {
                AGENT: _entity({"role": _STRING}),
                ENVIRONMENT: _entity({"stage": _STRING}),
                # Listed, so that a policy which misspells one does not load.
                **({TOOL: {"enum": sorted(tools)}} if tools else {}),
                **{
                    name: _entity(_attributes(environment.resources.get(kind, {})))
                    for kind, name in types.items()
                },
            },
            "actions": {
                name: {
                    "appliesTo": {
                        "principalTypes": [AGENT],
                        "resourceTypes": [
                            ENVIRONMENT,
                            *sorted(types[kind] for kind in targets[name]),
                        ],
                        "context": _context_type(seen),
                    }
                }
                for name, seen in args.items()
            },
        }
    }
    return Vocabulary(document=document, args=args, targets=targets, types=types)


def context(request: Request, seen: Fields) -> dict[str, JsonValue]:
    """What a policy reads as `context`; Misfit where the arguments are not of their type."""
    return {
        "args": project(seen, request.args, frozenset(request.unknown)),
        "environment": {"name": request.environment, "stage": request.stage},
        "step": request.step,
        "phase": request.phase.value,
        "trigger": request.principal.trigger,
        "started_by": request.principal.started_by,
        "effect": request.effect,
        **_origins(request, seen),
    }


def _origins(request: Request, seen: Fields) -> dict[str, JsonValue]:
    """Where the arguments come from, which is known before they are."""
    known = request.provenance
    doubted = known.doubted if known.untrusted else NONE
    # What the schema does not declare a tool's model may still read, into whatever it likes.
    strange = bool(seen.fields) and not doubted <= seen.fields.keys()
    return {
        "trusted": {
            name: not strange and name not in doubted for name in seen.fields if _is_plain(name)
        },
        "flow": {
            "untrusted": bool(known.untrusted),
            "steered": known.steered,
            "sensitive": known.sensitive,
            "outward": request.outward,
            "sources": [{"__entity": {"type": TOOL, "id": name}} for name in known.sources],
        },
    }


def _is_plain(name: str) -> bool:
    """Whether Cedar's JSON does not keep the name for itself."""
    return not name.startswith("__")


def _context_type(seen: Fields) -> dict[str, Any]:
    place = _record({"name": _STRING, "stage": _STRING})
    return {
        "type": "Record",
        "attributes": {
            "args": declared(seen),
            "environment": place,
            **dict.fromkeys(_FACTS, _STRING),
            "trusted": _record({name: _BOOLEAN for name in seen.fields if _is_plain(name)}),
            "flow": _record(_FLOW),
        },
    }


def entities(environment: Environment, types: Mapping[str, str]) -> list[dict[str, Any]]:
    """The environment and its resources, as Cedar's store holds them."""
    return [
        place(environment),
        *(
            _held(types[kind], name, attributes)
            for kind, members in environment.resources.items()
            for name, attributes in members.items()
        ),
    ]


def place(environment: Environment) -> dict[str, Any]:
    return _held(ENVIRONMENT, environment.name, {"stage": environment.stage.value})


def agent(principal: Principal) -> dict[str, Any]:
    return _held(AGENT, principal.agent, {"role": principal.role})


def _held(kind: str, name: str, attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": dict(attributes), "parents": []}


def camel(kind: str) -> str:
    """`scaling_group` is `ScalingGroup` to Cedar."""
    return "".join(part[:1].upper() + part[1:] for part in kind.split("_"))


def _entity(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"shape": _record(attributes)}


def _record(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Record", "attributes": attributes}


def _attributes(members: Mapping[str, Mapping[str, Attribute]]) -> dict[str, Any]:
    """The attributes of a kind: those that a member lacks are optional."""
    names = sorted({name for attributes in members.values() for name in attributes})
    return {
        name: {
            "type": next(_cedar(held[name]) for held in members.values() if name in held),
            "required": all(name in held for held in members.values()),
        }
        for name in names
    }


def _cedar(value: Attribute) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Long"
        case str():
            return "String"


def _contradictions(environment: Environment) -> Iterator[Finding]:
    for kind, members in environment.resources.items():
        first: dict[str, tuple[str, str]] = {}
        for name, attributes in members.items():
            for attribute, value in attributes.items():
                found = _cedar(value)
                other, before = first.setdefault(attribute, (name, found))
                if found != before:
                    yield Finding(
                        code="LS-POLICY-001",
                        place=f"environment `{environment.name}`",
                        problem=f"`{attribute}` of {kind} `{other}` is a {before}, and of {kind} "
                        f"`{name}` a {found}",
                        fix="give one attribute one type",
                    )


def _same_types(types: Mapping[str, str]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for kind, name in types.items():
        if not _KIND.fullmatch(kind):
            yield Finding(
                code="LS-POLICY-001",
                place=f"resource kind `{kind}`",
                problem="is not a name of lower-case letters, digits and `_`",
                fix="rename the kind",
            )
        other = owners.setdefault(name, kind)
        if name in _TAKEN or other != kind:
            clash = f"kind `{other}`" if other != kind else "Lockstep itself"
            yield Finding(
                code="LS-POLICY-001",
                place=f"resource kind `{kind}`",
                problem=f"is `{name}` to Cedar, a name that {clash} has too",
                fix="rename the kind",
            )
