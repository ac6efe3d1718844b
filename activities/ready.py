"""The call that a step comes to, before anybody's yes: its very arguments, and what policy says.

What goes through all of the arguments is in here, and blocks: they may be megabytes of somebody
else's words. What does not come to a call is a value that says why.
"""

import hashlib
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, JsonValue

from activities.failure import first, in_short
from activities.house import House
from activities.redaction import Redaction, telling
from activities.store import load
from lockstep.amount import Amount
from lockstep.canonical import MAX_DEPTH, Digest, canonical, depth, digest
from lockstep.decision import AnyGrant, Decision
from lockstep.finding import Finding
from lockstep.outcome import Dispatch, Signalled
from lockstep.provenance import Provenance
from lockstep.reference import Unresolved
from lockstep.resource import touched
from lockstep.substitution import Replaced, replaced, substituted
from lockstep.tool import Tool, ToolSpec
from policies.checks.arguments import check_value
from policies.checks.missing import declared_error, missing_resources
from policies.request import arguments, attempted, provenance


@dataclass(frozen=True)
class Ready:
    """A call that could be made: `written` as the plan brings its arguments, `args` as the tool is
    given them in `request`, `told` where they come from; `key` makes its effect happen once.
    """

    request: BaseModel
    written: dict[str, JsonValue]
    args: dict[str, JsonValue]
    told: Provenance
    decision: Decision
    key: str


@dataclass(frozen=True)
class Unready:
    """Why there is no call to be made; with its arguments, as far as they are known, and the
    declared error that all of it comes to, if it does.
    """

    findings: tuple[Finding, ...]
    args: dict[str, JsonValue] | None
    error: Signalled | None = None


@dataclass(frozen=True)
class Readying:
    """One step on its way; `pinned` is what a lock pins of the tool, as the tool is here."""

    house: House
    tool: Tool
    call: Dispatch
    pinned: Digest

    def ready(self) -> Ready | Unready:
        args = self._resolved()
        if isinstance(args, Finding):
            return Unready((args,), None)
        # The key is of the arguments as they were written: a default that a model makes up anew for
        # each attempt must not make a new effect of each.
        written = args
        findings = self._misfits(args)
        if findings:
            return Unready(findings, args)
        try:
            # From here on only what the tool will really see counts, for policy and for people.
            request, args = self.tool.accept(args)
        except Exception as error:  # a model's validators are the agent's code
            said = in_short(first(error), Redaction(telling(self.house.environ)))
            problem = f"the tool does not take these arguments: {said}"
            refused = self._finding("LS-PLAN-008", problem, "correct the arguments")
            return Unready((refused,), args)
        findings = self._misfits(args)
        if findings:
            return Unready((*findings, *self._absent(args)), args)
        findings = self._absent(args)
        if findings:
            return Unready(findings, args, self._error(written, args))
        told = self._provenance(args)
        decision = self.decided(args, told)
        whose = self.call.keyed or self.call.run.id
        key = _idempotency_key(whose, self.call.label, digest(written))
        return Ready(request, written, args, told, decision, key)

    def decided(self, args: dict[str, JsonValue], told: Provenance, *grants: AnyGrant) -> Decision:
        """What policy says of the call, with these grants."""
        asked = attempted(self.call, self.tool.spec, args, grants, told)
        return self.house.world.decider.decide(asked)

    def _resolved(self) -> dict[str, JsonValue] | Finding:
        call = self.call
        if self.pinned != call.run.tool:
            return self._finding(
                "LS-LOCK-002",
                f"tool `{self.tool.name}` is not the one that was locked",
                "deploy the locked version, or lock the plan again",
            )
        try:
            args = arguments(call, self.tool.spec.input, partial(load, self.house.store))
        except Unresolved as problem:
            return self._finding(
                "LS-PLAN-009", str(problem.args[0]), "make the field required, or guard the step"
            )
        if depth(args) > MAX_DEPTH:
            # Nobody could be shown them, and no run could read them again.
            return self._finding(
                "LS-PLAN-008",
                f"the arguments are nested more than {MAX_DEPTH} levels deep",
                "refer to a part of what is nested so deeply",
            )
        return args

    def _misfits(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        return tuple(check_value(self._place, self.tool.spec.input, args, "LS-PLAN-008"))

    def _absent(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        named = touched(self.tool.spec.input, args)
        return tuple(missing_resources(self._place, named, self.house.world))

    def _error(self, written: dict[str, JsonValue], args: dict[str, JsonValue]) -> Signalled | None:
        """What the tool would signal of a name that is not there, where it declares that."""
        spec, world = self.tool.spec, self.house.world
        if self.call.edited is not None:
            # Whoever wrote the name is still there to be asked.
            return None
        found = declared_error(touched(spec.input, args), world, spec.signals)
        if found is None:
            return None
        name, detail = found
        return Signalled(
            name=name,
            detail=in_short(detail, Redaction(telling(self.house.environ))),
            recovery=world.environment.errors[name].recovery,
            spent=Amount(),
            attempts=(),
            changes=changes(self.call, spec, name, written),
        )

    def _provenance(self, args: dict[str, JsonValue]) -> Provenance:
        """As the lock says; of what a human edited, held against what the references bring."""
        if self.call.edited is None:
            return self.call.step.provenance
        kept = partial(load, self.house.store)
        return provenance(self.call, args, self.tool.spec.input, kept, self._accepted)

    def _accepted(self, args: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            return self.tool.accept(args)[1]
        except Exception as error:  # a model's validators are the agent's code
            raise ValueError from error

    @property
    def _place(self) -> str:
        return f"step `{self.call.label}`"

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        return Finding(code=code, place=self._place, problem=problem, fix=fix)


def changes(
    call: Dispatch, spec: ToolSpec, error: str, written: dict[str, JsonValue]
) -> tuple[Replaced, ...]:
    """What the catalogue's substitute would change, if it was not put in already."""
    way = call.substitutes.get(error)
    if way is None or error in call.substituted:
        return ()
    return replaced(written, substituted(written, [way], spec.input))


def _idempotency_key(run: str, step: str, args: Digest) -> str:
    """The same for every attempt at a step with the same arguments, in the same workflow id.

    Not Temporal's run id: that changes when a run is reset, and the effect must not happen again.
    """
    return hashlib.sha256(canonical([run, step, args])).hexdigest()
