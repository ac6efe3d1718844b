"""What a policy says of itself.

Cedar asks nothing of annotations. We ask for an `@id`, which decisions, grants and logs will
carry, and a `@reason`, which is what a person will read; `approvals.cedar` also names who may
approve, and `shadow.cedar` may: a rule that does so is tried as an approval.
"""

from collections.abc import Iterator, Mapping

from pydantic import TypeAdapter, ValidationError

from lockstep.finding import Finding
from lockstep.names import Role, RuleId, Sentence
from policies.cedar.advice import closest, one_line
from policies.decider import APPROVALS, AUTHORIZE, RESERVED, SHADOW

Annotations = Mapping[str, str | None]
"""By name; one without a value is None."""

_OURS = {"id", "reason", "approvers"}
_RULE_ID: TypeAdapter[str] = TypeAdapter(RuleId)
_ROLE: TypeAdapter[str] = TypeAdapter(Role)
_SENTENCE: TypeAdapter[str] = TypeAdapter(Sentence)


def wrong(file: str, place: str, effect: str, given: Annotations) -> Iterator[Finding]:
    """Everything that is missing, misplaced or misspelt."""
    yield from _identified(place, effect, given)
    yield from _explained(place, given)
    yield from _placed(file, place, effect, given)


def refused(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-POLICY-001", place=place, problem=problem, fix=fix)


def _identified(place: str, effect: str, given: Annotations) -> Iterator[Finding]:
    if not given.get("id"):
        yield refused(place, f"this `{effect}` has no `@id`", _add("id", given, "metrics.read"))
    elif not _fits(_RULE_ID, given["id"]):
        yield refused(
            place,
            f"`@id` `{one_line(given['id'] or '')}` is not a rule's name",
            "use a letter, then letters, digits, `.`, `_`, `-`, at most 127",
        )
    elif (given["id"] or "").startswith(RESERVED):
        yield refused(
            place, f"`@id` begins with `{RESERVED}`, as our own rules do", "call it otherwise"
        )


def _explained(place: str, given: Annotations) -> Iterator[Finding]:
    reason = given.get("reason") or ""
    if not reason.strip():
        yield refused(place, "has no `@reason`", _add("reason", given, "why this rule exists"))
    elif not reason.isprintable() or not _fits(_SENTENCE, reason):
        yield refused(place, "its `@reason` is not one line of text", "shorten it to a sentence")


def _placed(file: str, place: str, effect: str, given: Annotations) -> Iterator[Finding]:
    if file == APPROVALS and effect != "forbid":
        yield refused(
            place,
            f"`{effect}` has no meaning in {APPROVALS}",
            f"write `forbid` for what must be approved first, or move it to {AUTHORIZE}",
        )
    if file == APPROVALS:
        named = roles(given)
        if not named:
            yield refused(
                place, "has no `@approvers`", _add("approvers", given, "sre-oncall, data-owner")
            )
        yield from _held(place, named)
    elif file == SHADOW and effect == "forbid":
        yield from _held(place, roles(given))
    elif "approvers" in given:
        yield refused(
            place,
            f"`@approvers` has no meaning in {file}: what it forbids cannot be approved",
            f"move the rule to {APPROVALS}",
        )


def _held(place: str, named: tuple[str, ...]) -> Iterator[Finding]:
    for role in named:
        if not _fits(_ROLE, role):
            yield refused(
                place, f"`{one_line(role)}` is not a role's name", "name roles of agent.toml"
            )


def roles(given: Annotations) -> tuple[str, ...]:
    names = (name.strip() for name in (given.get("approvers") or "").split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def _add(name: str, given: Annotations, example: str) -> str:
    close = closest(name, set(given) - _OURS)
    return f'write `@{name}("{example}")`' + (f", not `@{close}`" if close else "")


def _fits(adapter: TypeAdapter[str], value: str | None) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
