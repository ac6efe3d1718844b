"""What a run's planning cost, where one command planned and ran, and what that leaves for the run.

Two limits meet there: the environment's, of what steps may use, and the planner's. Each holds for
its own part, and the larger of the two for both parts together: what planning used comes off what
is left for the steps wherever both together would exceed it. Calls are tools' alone.
"""

from pydantic import Field

from lockstep.amount import Amount
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.lock import Body
from lockstep.record import Record
from lockstep.usage import Bill


class Outlay(Record):
    """The planning that a run began with: its id, its bill, and the planner's limit.

    `held` is what was set aside for calls of unknown cost, which counts as spent.
    """

    planning: str
    bill: Bill
    limit: Amount
    held: Amount | None = Field(default=None, exclude_if=is_absent)

    @property
    def spent(self) -> Amount:
        return self.bill.amount + (self.held or Amount())

    def and_more(self, bill: Bill, held: Amount | None) -> "Outlay":
        """With what was planned since."""
        both = (self.held or Amount()) + (held or Amount())
        return self.model_copy(update={"bill": self.bill + bill, "held": both})

    def widest(self, limits: Amount) -> Amount:
        """How far both parts together may ever go: while something is planned."""
        return Amount(
            calls=limits.calls,
            tokens=max(limits.tokens, self.limit.tokens),
            microdollars=max(limits.microdollars, self.limit.microdollars),
        )

    def budget(self, limits: Amount) -> Amount:
        """Of the whole: planning and steps. Never less than what is spent already, so that steps
        that need nothing can still run.
        """
        spent = self.spent
        return Amount(
            calls=limits.calls,
            tokens=_together(limits.tokens, self.limit.tokens, spent.tokens),
            microdollars=_together(
                limits.microdollars, self.limit.microdollars, spent.microdollars
            ),
        )


def _together(steps: int, planner: int, spent: int) -> int:
    return max(spent, min(steps + spent, max(steps, planner)))


def no_room(body: Body, planned: Outlay) -> Finding | None:
    """A finding where the steps may need more than planning has left them; before the first of
    them, and not in the middle.
    """
    worst = Amount()
    for step in body.calls:
        worst += step.worst_cost.times(step.for_each.max if step.for_each else 1)
    budget = planned.budget(body.limits.amount)
    over = [one for one in (planned.spent + worst).over(budget) if one != "calls"]
    if not over:
        return None
    part = over[0]
    used, most = getattr(planned.spent, part), getattr(worst, part)
    return Finding(
        code="LS-RUN-004",
        place="planner",
        problem=f"planning used {used:,} of {getattr(budget, part):,} {part}, and the steps may "
        f"need {most:,} more",
        fix=f"run the lock, which is planned now, or raise `{part}` under `[planner]` in "
        "agent.toml or under `[limits]` in the manifest",
    )
