"""Loads `policy/rules.py`: plan rules that an agent writes in Python.

The module stands alone. It is run from the very bytes that its digest is of, under a private name
and outside of any package, so that it can import what is installed and nothing else of the agent: a
lock pins this one file, and a rule must not change without it.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lockstep.canonical import digest_bytes
from lockstep.errors import LockstepError
from lockstep.loading import read
from lockstep.names import RuleId, Sentence
from lockstep.rule import PlanRule
from policies.graph.coded import Coded, OwnRules
from policies.graph.rules import Rules

CODE = "rules.py"
MAX_BYTES = 256 * 1024

_ID: TypeAdapter[str] = TypeAdapter(RuleId)
_REASON: TypeAdapter[str] = TypeAdapter(Sentence)


def load_rules(path: Path, declared: Rules) -> OwnRules:
    """The module's rules; LS-POLICY-001 where it is none, or has none, or one id stands twice."""
    source = read(path, MAX_BYTES)
    module = _run(path, source)
    taken = {rule.id for rule in declared.every}
    found: list[Coded] = []
    for name, value in vars(module).items():
        if isinstance(value, type | ModuleType) or not isinstance(value, PlanRule):
            continue
        rule = _named(path, name, value)
        if any(rule is one.rule for one in found):
            continue
        if rule.id in taken:
            raise _refused(path, f"two rules are called `{rule.id}`", "rename one")
        taken.add(rule.id)
        found.append(Coded(rule))
    if not found:
        raise _refused(
            path,
            "has no rule in it",
            'write `@plan_rule("some.id", reason="…")` above a function of a plan',
        )
    return OwnRules(tuple(sorted(found, key=lambda one: one.id)), _text(path, source))


def _text(path: Path, source: bytes) -> str:
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
        raise _refused(path, problem, "save the file as UTF-8") from None


def _named(path: Path, name: str, value: PlanRule) -> PlanRule:
    try:
        _ID.validate_python(value.id)
        _REASON.validate_python(value.reason)
    except ValidationError:
        problem = f"`{name}` has an id or a reason that decisions cannot carry"
        raise _refused(path, problem, "give it a rule's name and one sentence") from None
    return value


def _run(path: Path, source: bytes) -> ModuleType:
    module = ModuleType(f"_lockstep_rules_{digest_bytes(source)[-12:]}")
    module.__file__ = str(path)
    module.__package__ = ""
    # What a module defines looks itself up there: dataclasses do.
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    names: dict[str, Any] = vars(module)
    try:
        exec(compile(source, str(path), "exec"), names)  # noqa: S102 the agent's own code
    except BaseException as error:
        if before is None:
            del sys.modules[module.__name__]
        # A module that exits would end whoever loads it, and a check with success.
        if not isinstance(error, Exception | SystemExit):
            raise
        said = " ".join(str(error).split())[:500]
        raise _refused(
            path,
            f"cannot be imported: {type(error).__name__}: {said}",
            "correct the module; it can import what is installed, and nothing else of the agent",
        ) from error
    return module


def _refused(path: Path, problem: str, fix: str) -> LockstepError:
    return LockstepError.of("LS-POLICY-001", str(path), problem, fix)
