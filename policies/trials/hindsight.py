"""What policy as it is now says of a question that was put before, held against what it said then.

What cannot be compared is neither the same nor different, and says why.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from lockstep.decision import AnyGrant, Decision, Outcome, Rule, ShadowRule, StandingGrant
from lockstep.finding import Finding
from lockstep.names import RuleId
from lockstep.record import Record
from policies.standing import fault, may_lift
from policies.world import World

About = Literal["call", "planned", "plan", "replan", "checks"]
"""An attempt at a step; a step of a plan; a plan as a whole; planning anew; and whether a plan
passes all checks that are no decisions, its rules among them."""

Turn = Literal["same", "other rules", "otherwise", "unknown", "open"]


class Said(Record):
    """What policy says: the names of what decided, and why. No outcome where it is not asked,
    because something else stands in the way; no `rules` where the record does not name them.
    """

    outcome: Outcome | None
    rules: tuple[str, ...] | None = ()
    why: str = ""

    @classmethod
    def by(cls, made: Decision) -> "Said":
        return cls(outcome=made.outcome, rules=deciding(made), why=made.why)

    @classmethod
    def held(cls, finding: Finding) -> "Said":
        """Held back before policy is asked."""
        return cls(outcome=None, why=f"{finding.code} {finding.problem}")

    @classmethod
    def passing(cls, findings: Iterable[Finding]) -> "Said":
        """Whether a plan passes, as a decision would say it."""
        found = tuple(findings)
        if not found:
            return cls(outcome=Outcome.ALLOW)
        codes = tuple(sorted({one.code for one in found}))
        return cls(outcome=Outcome.DENY, rules=codes, why=f"{found[0].place}: {found[0].problem}")


SILENT = Said(outcome=Outcome.ALLOW, why="no rule speaks of plans as a whole")


def deciding(made: Decision) -> tuple[str, ...]:
    """What decided: rules, those that a yes has lifted, and what could not be evaluated."""
    lifted = (grant.rule for grant in made.grants)
    named = (rule.id for rule in (*made.rules, *made.missing))
    return tuple(sorted({*named, *lifted, *made.errors}))


def taking_part(made: Decision) -> frozenset[str]:
    """The rules that had a say. Permits behind a denial had none."""
    permits = made.permits if made.outcome is Outcome.REQUIRE_APPROVAL else ()
    tried = made.shadow
    said = (*(rule.id for rule in tried.would), *tried.errors) if tried else ()
    return frozenset((*deciding(made), *permits, *said))


class Revisited(Record):
    """One question that was put to policy in a run or a planning, and is put again. `step` is what
    messages call it.

    `then` is None where no answer is on record, `now` where nobody can say; `unknown` tells why. A
    call that has not ended, or left nothing behind, has neither. `lost` are grants that held then
    and would not lift what asks now, `void` those that stand and are bound to another policy than
    the present one. `restated`: the tool is declared otherwise than then, and was asked about as it
    is now.
    """

    run: str
    environment: str
    about: About
    step: str
    tool: str
    targets: tuple[str, ...] = ()
    then: Said | None = None
    now: Said | None = None
    unknown: str = ""
    fired: frozenset[str] = frozenset()
    tried: tuple[ShadowRule, ...] = ()
    lost: tuple[AnyGrant, ...] = ()
    void: tuple[StandingGrant, ...] = ()
    restated: bool = False

    @property
    def turn(self) -> Turn:
        then, now = self.then, self.now
        if self.unknown:
            return "unknown"
        if then is None or now is None:
            return "open"
        if then.outcome is not now.outcome:
            return "otherwise"
        # What kept a question from being put is told in words, and words may change.
        if then.outcome is None or then.rules is None or then.rules == now.rules:
            return "same"
        return "other rules"

    def answered(self, made: Decision, given: Iterable[AnyGrant] = ()) -> "Revisited":
        """With policy's present answer, where these grants held then."""
        kept = tuple(given)
        again = {(one.rule, one.by) for one in made.grants}
        asks = made.outcome is Outcome.REQUIRE_APPROVAL
        standing = (one for one in kept if isinstance(one, StandingGrant))
        tried = made.shadow
        return self.model_copy(
            update={
                "now": Said.by(made),
                "fired": taking_part(made),
                "tried": tried.would if tried else (),
                "lost": tuple(one for one in kept if asks and (one.rule, one.by) not in again),
                "void": tuple(one for one in standing if one.policy != made.policy),
            }
        )


def asked_again(
    ask: Callable[[tuple[AnyGrant, ...]], Decision], given: Iterable[AnyGrant], world: World
) -> Decision:
    """Policy's answer where these people said yes under it, as they did under the other one.

    A yes is to a rule. To one that is called otherwise now, or that others may lift now, nobody
    has said yes.
    """
    made = ask(())
    if made.outcome is not Outcome.REQUIRE_APPROVAL:
        return made
    missing = {rule.id: rule for rule in made.missing}
    now = (one.model_copy(update={"policy": made.policy}) for one in given)
    holding = tuple(one for one in now if _lifts(one, missing, world))
    return ask(holding) if holding else made


def _lifts(grant: AnyGrant, missing: Mapping[RuleId, Rule], world: World) -> bool:
    rule = missing.get(grant.rule)
    if rule is None:
        return False
    if isinstance(grant, StandingGrant):
        # That it had not expired is in the record, so it is looked at as of when it was given.
        return fault(grant, rule, world.agent, grant.policy, grant.given_at) is None
    return may_lift(grant.by, rule, world.agent)
