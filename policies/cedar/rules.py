"""Reading a policy file, one policy at a time.

Cedar's parser stops at the first mistake and does not say where it is. So the text is cut at the
semicolons that end policies, and each piece is parsed alone: every mistake is found, and has a
line.

Nothing here is looked up: what a rule's names mean is for the validator to say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cedarpy

from lockstep.decision import Rule
from lockstep.finding import Finding
from policies.cedar.advice import one_line
from policies.cedar.annotations import Annotations, refused, roles, wrong
from policies.cedar.question import Path
from policies.cedar.reads import paths
from policies.decider import APPROVALS, SHADOW

_MAX_BYTES = 10_000
_MAX_NESTING = 64
"""Cedar's parser recurses, and somewhere past 300 brackets it takes the process with it."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|[;(\[{)\]}]', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*(?:\n|$))*")
_ID = re.compile(r'@id\s*\(\s*"([^"\\]{0,127})"\s*\)')

_VALUES = {"Value", "Var", "Set", "Record", ".", "if-then-else"}
_TESTS = {"==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "in", "is", "has", "like"}
_ON_SETS = {"contains", "containsAll", "containsAny", "isEmpty"}
_PARTS = {"left", "right", "arg", "attr", "if", "then", "else", "entity_type", "pattern", "Literal"}
_CANNOT_FAIL = _VALUES | _TESTS | _ON_SETS | _PARTS


@dataclass(frozen=True)
class CedarRule:
    """One policy. `tools` None means every tool; `form` is Cedar's own JSON for it.

    `steady` if no evaluation of it can fail once it is validated: no arithmetic, no extension
    functions, no entity by name in its conditions.
    """

    rule: Rule
    file: str
    line: int
    text: str
    form: Mapping[str, Any]
    tools: frozenset[str] | None
    steady: bool

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line} rule `{self.rule.id}`"

    @cached_property
    def looks_at(self) -> frozenset[Path]:
        return paths(self.form)


def read(file: str, text: str) -> tuple[list[CedarRule], list[Finding]]:
    """The policies of a file, and what is wrong with those that are not among them."""
    rules: list[CedarRule] = []
    problems: list[Finding] = []
    for line, piece in _pieces(text):
        outcome = _rule(file, line, piece)
        if isinstance(outcome, CedarRule):
            rules.append(outcome)
        else:
            problems += outcome
    return rules, problems


def twice(rules: list[CedarRule]) -> Iterator[Finding]:
    """A decision that names a rule must mean one rule."""
    first: dict[str, CedarRule] = {}
    for rule in rules:
        other = first.setdefault(rule.rule.id, rule)
        if other is not rule:
            yield refused(
                rule.place, f"its id stands at {other.file}:{other.line} too", "rename one"
            )


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    ends = [token.end() for token in _TOKEN.finditer(text) if token[0] == ";"]
    for end in (*ends, len(text)):
        blank = _BLANK.match(text, start, end)
        begin = blank.end() if blank else start
        if begin < end:
            yield text.count("\n", 0, begin) + 1, text[begin:end]
        start = end


def _rule(file: str, line: int, text: str) -> CedarRule | list[Finding]:
    named = _ID.search(text)
    place = f"{file}:{line} rule `{named[1]}`" if named else f"{file}:{line}"
    too_much = _too_much(text)
    if too_much:
        return [refused(place, too_much, "split it, or list values in a set: `[…].contains(x)`")]
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
        # Cedar reads its own JSON back less deeply than it reads text; better found here.
        cedarpy.PolicySet.from_json_str(json.dumps(parsed))
    except RecursionError:
        return [refused(place, "is nested too deeply", "split it")]
    except ValueError as error:
        if "deserializ" in str(error):
            problem = "has a condition of more than about sixty terms"
            return [refused(place, problem, "split it, or list values in a set: `[…].contains(x)`")]
        return [refused(place, f"is not Cedar: {one_line(str(error))}", "correct the syntax")]
    if parsed["templates"]:
        return [refused(place, "is a template", "write the entity where `?…` stands")]
    if len(parsed["staticPolicies"]) != 1:
        return [refused(place, "is not one policy", "end each policy with `;`")]
    (form,) = parsed["staticPolicies"].values()
    return _annotated(file, line, text, place, form)


def _annotated(
    file: str, line: int, text: str, place: str, form: dict[str, Any]
) -> CedarRule | list[Finding]:
    given: Annotations = form.get("annotations", {})
    problems = list(wrong(file, place, form["effect"], given))
    if problems:
        return problems
    return CedarRule(
        rule=Rule(
            id=given["id"] or "",
            effect="approval" if _asks(file, given) else form["effect"],
            reason=given["reason"] or "",
            approvers=roles(given),
            reads=tuple(sorted(set(_origins(form["conditions"])))),
        ),
        file=file,
        line=line,
        text=text,
        form=form,
        tools=_tools(form["action"]),
        steady=_steady(form["conditions"]),
    )


def _asks(file: str, given: Annotations) -> bool:
    return file == APPROVALS or (file == SHADOW and bool(roles(given)))


def _tools(action: Mapping[str, Any]) -> frozenset[str] | None:
    if action["op"] == "All":
        return None
    named = action.get("entities", [action.get("entity")])
    return frozenset(entity["id"] for entity in named)


def _steady(node: Any) -> bool:
    match node:
        case {"kind": _, "body": body}:
            return _steady(body)
        case {"Value": {"__entity": {"type": "Tool"}}}:
            # It has no attributes, so all that can be done with it is to compare it.
            return True
        case dict():
            return all(key in _CANNOT_FAIL and _steady(child) for key, child in node.items())
        case list():
            return all(map(_steady, node))
        case _:
            return True


def _origins(node: Any) -> Iterator[str]:
    """The facts about provenance that a condition looks at: `trusted.recipient`, `flow.steered`."""
    match node:
        case {".": {"left": {".": {"left": {"Var": "context"}, "attr": base}}, "attr": name}} | {
            "has": {"left": {".": {"left": {"Var": "context"}, "attr": base}}, "attr": name}
        }:
            if base in ("trusted", "flow"):
                yield f"{base}.{name}"
        case dict():
            for child in node.values():
                yield from _origins(child)
        case list():
            for child in node:
                yield from _origins(child)
        case _:
            return


def _too_much(text: str) -> str | None:
    if len(text.encode(errors="replace")) > _MAX_BYTES:
        return f"is longer than {_MAX_BYTES:,} bytes"
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth > _MAX_NESTING:
            return f"is nested more than {_MAX_NESTING} levels deep"
    return None
