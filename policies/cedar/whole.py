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
from lockstep.submission import ACTION, SUBJECT, Submission
from policies.cedar.judgement import judged
from policies.cedar.own import OwnPolicy
from policies.cedar.verdict import Grants, Verdict, broken


@dataclass(frozen=True, eq=False)
class PlanPolicy:
    """The rules about whole plans."""

    own: OwnPolicy

    def submit(self, request: Submission, policy: Digest, engine: str) -> Decision:
        """Never raises."""
        context = _context(request)
        verdict = self._verdict(request, context, policy)
        return Decision(
            outcome=verdict.outcome,
            phase=request.phase,
            step=SUBJECT,
            tool=ACTION,
            targets=(),
            args_digest=request.facts,
            rules=verdict.rules,
            missing=verdict.missing,
            grants=verdict.grants,
            errors=verdict.errors,
            permits=verdict.permits,
            policy=policy,
            engine=engine,
            shadow=self.own.said(request.principal, context, verdict),
        )

    def _verdict(
        self, request: Submission, context: dict[str, JsonValue], policy: Digest
    ) -> Verdict:
        if not self.own.is_here(request.environment, request.stage):
            return broken("environment")
        try:
            grants = Grants(request.grants, SUBJECT, request.about, policy)
            fired = self.own.rules.fired(self.own.question(request.principal, context))
            silent = not self.own.permits
            return judged(fired, self.own.rules.rules, grants, silence_permits=silent)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception
            return broken("engine")


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
