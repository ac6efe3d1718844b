"""Does policy say of these calls what it is to say?

Each case takes the way of a real one: as a plan's step, through the checks that come before policy
and the question about what is planned; or as an attempt, through the tool's own model and the
question about real arguments. A call that policy would never be asked about (an argument that does
not fit, a resource that does not exist) fails its case, whatever was expected of policy: the case
would go on passing after policy stopped saying anything.

A denial because policy could not be evaluated is no answer either, and fails its case.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.case import Case, PlanCase
from lockstep.decision import PLAN, Decision, Grant, Phase, Request, Shadow
from lockstep.finding import Finding, Severity
from lockstep.plan import ToolStep
from lockstep.provenance import Provenance
from lockstep.reference import path_parts
from lockstep.resource import touched
from lockstep.schema import fields
from lockstep.submission import SUBJECT, Submission
from lockstep.tool import ToolSpec
from policies.arguments import Sources, check_arguments, check_value
from policies.cedar.rules import CedarRule, read
from policies.decider import PolicyTexts
from policies.misfit import did_you_mean
from policies.missing import missing_resources
from policies.request import foreseen, planned, real
from policies.world import World

_STEP = "case"
_ABOUT = digest("a plan that is only thought of")
_LATER = datetime(9999, 1, 1, tzinfo=UTC)
"""A grant is looked at here without a clock, as the decider does."""


@dataclass(frozen=True)
class Tried:
    """A case in one environment: what policy said, or why it was not asked; `findings` say what
    is not as expected.
    """

    number: int
    case: Case | PlanCase
    environment: str
    decision: Decision | None
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return not self.findings

    @property
    def reached(self) -> frozenset[str]:
        """The rules that took part in the decision, or that were tried on it and had a say."""
        if self.decision is None:
            return frozenset()
        grants = {grant.rule for grant in self.decision.grants}
        shadow = self.decision.shadow
        tried = {rule.id for rule in shadow.would} if shadow else set()
        return frozenset(rule.id for rule in self.decision.rules) | grants | tried


def tried(number: int, case: Case, world: World) -> Tried:
    """Ask about one case; never raises for what the case says."""
    place = f"case {number}"
    problems = tuple(found.model_copy(update={"place": place}) for found in _known(case, world))
    if problems:
        return Tried(number, case, world.environment.name, None, problems)
    spec = world.tools[case.tool]
    ask = _as_planned if case.asked is Phase.PLAN else _as_attempted
    request, stopped = ask(case, spec, world)
    if request is None:
        unasked = tuple(
            _failed(place, f"policy is not asked about this call: {found.problem}", found.fix)
            for found in stopped
        )
        return Tried(number, case, world.environment.name, None, unasked)
    decision = world.decider.decide(request)
    wrong = tuple(_wrong(place, case, decision))
    return Tried(number, case, world.environment.name, decision, wrong)


def tried_plan(number: int, case: PlanCase, world: World) -> Tried:
    """The same of a plan as a whole."""
    place, here = f"plan case {number}", world.environment
    problems = [
        found.model_copy(update={"place": place})
        for found in (
            *(one for tool in case.tools for one in _tool(tool, world)),
            *_rules((*(case.rules or ()), *case.approved, *(case.shadow or ())), world),
        )
    ]
    if problems:
        return Tried(number, case, here.name, None, tuple(problems))
    grants = tuple(
        Grant(
            run=SUBJECT,
            step=SUBJECT,
            rule=rule,
            args_digest=_ABOUT,
            policy=world.decider.policy,
            by=case.started_by,
            expires_at=_LATER,
        )
        for rule in case.approved
    )
    asked = Submission(
        phase=case.phase,
        principal=world.principal_of(case.started_by, case.trigger),
        environment=here.name,
        stage=here.stage,
        steps=case.steps or len(case.tools),
        tools=tuple(sorted({*case.tools})),
        effects=tuple(sorted({world.tools[tool].effect for tool in case.tools})),
        worst=Amount(calls=case.calls, tokens=case.tokens, microdollars=case.microdollars),
        model=case.model,
        replans=case.replans,
        about=_ABOUT,
        grants=grants,
    )
    made = world.decider.submit(asked)
    if made is None:
        nothing = _failed(place, f"no rule names `{PLAN}`, so policy is not asked", "write one")
        return Tried(number, case, here.name, None, (nothing,))
    return Tried(number, case, here.name, made, tuple(_wrong(place, case, made)))


def rules_of(texts: PolicyTexts) -> tuple[str, ...]:
    """The ids of all Cedar rules, sorted."""
    return tuple(sorted(rule.rule.id for rule in rules_in(texts)))


def rules_in(texts: PolicyTexts) -> Iterator[CedarRule]:
    """All Cedar rules, those that are only tried among them."""
    for name, text in texts.every().items():
        yield from read(name, text)[0]


def unreached(rules: Iterable[str], seen: Iterable[Tried]) -> Iterator[Finding]:
    """A warning for each rule that takes part in no case's decision."""
    reached = frozenset(id for one in seen for id in one.reached)
    for id in rules:
        if id not in reached:
            yield Finding(
                code="LS-POLICY-005",
                place=f"rule `{id}`",
                problem="no case reaches it, so nothing shows what it does",
                fix="add a case that it decides",
                severity=Severity.WARNING,
            )


def _known(case: Case, world: World) -> Iterator[Finding]:
    """What names nothing: a tool, or a rule, of which nobody could say anything."""
    yield from _tool(case.tool, world)
    for name in case.sources:
        if name not in world.tools:
            yield _failed(
                "",
                f"`sources`: tool `{name}` does not exist",
                did_you_mean(name, world.tools) or "use one of the agent's tools",
            )
    if case.tool in world.tools:
        known = fields(world.tools[case.tool].input)
        for at in case.untrusted:
            name = path_parts(at)[0]
            if name not in known:
                yield _failed(
                    "",
                    f"`untrusted`: `{case.tool}` takes no argument `{name}`",
                    did_you_mean(name, known) or "name an argument of the tool",
                )
    yield from _rules((*(case.rules or ()), *case.approved, *(case.shadow or ())), world)


def _tool(tool: str, world: World) -> Iterator[Finding]:
    if tool not in world.tools:
        yield _failed(
            "",
            f"tool `{tool}` does not exist",
            did_you_mean(tool, world.tools) or "use one of the agent's tools",
        )
    elif not world.offers(tool):
        yield _failed(
            "",
            f"tool `{tool}` is not in environment `{world.environment.name}`",
            "use a tool that its manifest names",
        )


def _rules(named: Iterable[str], world: World) -> Iterator[Finding]:
    rules = rules_of(world.texts)
    for id in named:
        if id not in rules:
            yield _failed(
                "", f"rule `{id}` does not exist", did_you_mean(id, rules) or "name a rule by `@id`"
            )


Asked = tuple[Request | None, tuple[Finding, ...]]


def _as_planned(case: Case, spec: ToolSpec, world: World) -> Asked:
    step = ToolStep(id=_STEP, tool=case.tool, args=case.planned_args())
    # What the unknown arguments will be is left open, and so is their type.
    sources = Sources(outputs={}, inputs=world.agent.input_schema)
    found = (
        *check_arguments(_STEP, spec, step.args, sources),
        *missing_resources(_STEP, foreseen(step, spec).named, world),
    )
    if found:
        return None, found
    return planned(step, world, case.started_by, _provenance(case, spec)), ()


def _as_attempted(case: Case, spec: ToolSpec, world: World) -> Asked:
    found = tuple(check_value(_STEP, spec.input, case.args, "LS-PLAN-008"))
    if found:
        return None, found
    args: dict[str, JsonValue] = case.args
    if case.tool in world.code:
        try:
            _, args = world.code[case.tool].accept(args)
        except Exception as error:  # a model's validators are the agent's code
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            problem = f"the tool does not take these arguments: {reason}"
            return None, (_failed("", problem, "correct the arguments"),)
    found = (
        *check_value(_STEP, spec.input, args, "LS-PLAN-008"),
        *missing_resources(_STEP, touched(spec.input, args), world),
    )
    if found:
        return None, found
    grants = tuple(
        Grant(
            run=_STEP,
            step=_STEP,
            rule=rule,
            args_digest=digest(args),
            policy=world.decider.policy,
            by=case.started_by,
            expires_at=_LATER,
        )
        for rule in case.approved
    )
    request = real(
        world.principal_of(case.started_by, case.trigger),
        spec,
        environment=world.environment.name,
        stage=world.environment.stage,
        step=_STEP,
        provenance=_provenance(case, spec),
        args=args,
        grants=grants,
    )
    return request, ()


def _provenance(case: Case, spec: ToolSpec) -> Provenance:
    return Provenance(
        untrusted=case.untrusted,
        steered=case.steered,
        sensitive=case.sensitive or spec.sensitive,
        sources=tuple(sorted(set(case.sources))),
    )


def _wrong(place: str, case: Case | PlanCase, made: Decision) -> Iterator[Finding]:
    ids = tuple(rule.id for rule in made.rules)
    by = f" by {', '.join(ids)}" if ids else ""
    found = f"found {made.outcome}{by} ({made.why})"
    fix = "correct the policy, or what is expected of it"
    if made.outcome is not case.expect:
        yield _failed(place, f"expected {case.expect}, {found}", fix)
    elif made.errors:
        yield _failed(place, f"expected {case.expect}, and {made.why}", "correct the policy")
    elif case.rules is not None and tuple(sorted(case.rules)) != ids:
        wanted = ", ".join(sorted(case.rules)) or "no rule"
        yield _failed(place, f"expected {case.expect} by {wanted}, {found}", fix)
    elif case.reason is not None and case.reason not in {rule.reason for rule in made.rules}:
        reasons = ", ".join(f'"{rule.reason}"' for rule in made.rules) or "none"
        yield _failed(place, f'expected the reason "{case.reason}", found {reasons}', fix)
    yield from _wrong_shadow(place, case, made)


def _wrong_shadow(place: str, case: Case | PlanCase, made: Decision) -> Iterator[Finding]:
    if case.shadow is None:
        return
    shadow = made.shadow or Shadow(policy=made.policy)
    for name in shadow.errors:
        yield _failed(place, f"shadow rule `{name}` could not be evaluated", "correct the rule")
    found = {rule.id: rule.would for rule in shadow.would}
    for id in sorted({*case.shadow, *found} - {*shadow.errors}):
        wanted, would = case.shadow.get(id), found.get(id)
        if wanted != would:
            yield _failed(
                place,
                f"expected shadow rule `{id}` to say {wanted or 'nothing'}, found "
                f"{would or 'nothing'}",
                "correct the rule, or what is expected of it",
            )


def _failed(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-POLICY-004", place=place, problem=problem, fix=fix)
