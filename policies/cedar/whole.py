"""May this plan be, as a whole? The rules that name `Action::"plan.submit"`, and no others.

Where no permit names the action, a plan is permitted as a whole, because each of its steps has to
be permitted anyway. Where one does, that is a list of what may be, and the rest is denied.

    context      steps, calls, tokens, microdollars, replans: Long; tools, effects: Set of String;
                 model: Boolean; environment {name, stage}, phase, trigger, started_by: String
"""

from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import Digest
from lockstep.decision import Decision
from lockstep.submission import SUBJECT, Submission
from policies.cedar.own import Asked, OwnPolicy


@dataclass(frozen=True, eq=False)
class PlanPolicy:
    """The rules about whole plans."""

    own: OwnPolicy

    def submit(self, request: Submission, policy: Digest, engine: str) -> Decision:
        """Never raises."""
        asked = Asked(
            subject=SUBJECT,
            phase=request.phase,
            who=request.principal,
            environment=request.environment,
            stage=request.stage,
            context=_context(request),
            facts=request.facts,
            about=request.about,
            grants=request.grants,
        )
        return self.own.decide(asked, policy, engine, silence_permits=not self.own.permits)


def _context(request: Submission) -> dict[str, JsonValue]:
    return {
        "steps": request.steps,
        "tools": list(request.tools),
        "effects": [effect.value for effect in request.effects],
        "calls": request.worst.calls,
        "tokens": request.worst.tokens,
        "microdollars": request.worst.microdollars,
        "model": request.model,
        "replans": request.replans,
        "phase": request.phase.value,
    }
