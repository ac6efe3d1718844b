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
from lockstep.revision import Replanning
from policies.cedar.own import Asked, OwnPolicy

SUBJECT = "run"
"""What stands where the step would stand."""


@dataclass(frozen=True, eq=False)
class ReplanPolicy:
    """The rules about planning anew; there may well be none."""

    own: OwnPolicy

    def decide(self, request: Replanning, policy: Digest, engine: str) -> Decision:
        """Never raises."""
        asked = Asked(
            subject=SUBJECT,
            phase=Phase.RUN,
            who=request.principal,
            environment=request.environment,
            stage=request.stage,
            context=_context(request),
            facts=request.facts,
            # What a human says yes to is the plan that comes of it, so no grant covers this.
            about=request.facts,
        )
        made = self.own.decide(asked, policy, engine, silence_permits=True)
        permitted = any(rule.effect == "permit" for rule in made.rules)
        if made.outcome is Outcome.ALLOW and not permitted:
            return made.model_copy(update={"outcome": Outcome.REQUIRE_APPROVAL})
        return made


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
