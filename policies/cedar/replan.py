"""May what is left of a run be planned anew? The rules that name `Action::"plan.replan"`.

A forbid denies it, a permit lets the run go on with whatever passes, an approval names the role
that has to see the new plan first. Where none of them applies a human is asked, whoever may approve
anything: to go on otherwise than was locked is never a default.

    context      errors, tools, done: Set of String (what was signalled, by which tools, and which
                 tools have given an output); replans: Long; untrusted, sensitive (of what was
                 signalled), unknown (a step that is given up may have done something): Boolean;
                 environment {name, stage}, trigger, started_by: String
"""

from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import Digest
from lockstep.decision import Decision, Outcome, Phase
from lockstep.revision import ACTION, Replanning
from policies.cedar.judgement import judged
from policies.cedar.own import OwnPolicy
from policies.cedar.verdict import Grants, Verdict, broken

SUBJECT = "run"
"""What stands where the step would stand."""


@dataclass(frozen=True, eq=False)
class ReplanPolicy:
    """The rules about planning anew; there may well be none."""

    own: OwnPolicy

    def decide(self, request: Replanning, policy: Digest, engine: str) -> Decision:
        """Never raises."""
        context = _context(request)
        verdict = self._verdict(request, context, policy)
        return Decision(
            outcome=verdict.outcome,
            phase=Phase.RUN,
            step=SUBJECT,
            tool=ACTION,
            targets=(),
            args_digest=request.facts,
            rules=verdict.rules,
            missing=verdict.missing,
            errors=verdict.errors,
            permits=verdict.permits,
            policy=policy,
            engine=engine,
            shadow=self.own.said(request.principal, context, verdict),
        )

    def _verdict(
        self, request: Replanning, context: dict[str, JsonValue], policy: Digest
    ) -> Verdict:
        if not self.own.is_here(request.environment, request.stage):
            return broken("environment")
        try:
            # What a human says yes to is the plan that comes of it, so no grant covers this.
            grants = Grants((), SUBJECT, request.facts, policy)
            fired = self.own.rules.fired(self.own.question(request.principal, context))
            found = judged(fired, self.own.rules.rules, grants, silence_permits=True)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception
            return broken("engine")
        permitted = any(rule.effect == "permit" for rule in found.rules)
        if found.outcome is Outcome.ALLOW and not permitted:
            return Verdict(Outcome.REQUIRE_APPROVAL)
        return found


def _context(request: Replanning) -> dict[str, JsonValue]:
    return {
        "errors": list(request.errors),
        "tools": list(request.tools),
        "done": list(request.done),
        "untrusted": request.untrusted,
        "sensitive": request.sensitive,
        "unknown": request.unknown,
        "replans": request.replans,
    }
