"""The ledger of a run: reserve before a step starts, settle after it.

Parallel steps that check first and spend later overspend together, always. Here the check is the
reservation. What a step really spent replaces its reservation; what cannot be known keeps it.
"""

from lockstep.amount import Amount
from lockstep.record import Record


class Exhausted(Record):
    """The reservation that was not made: what was asked, and what was left."""

    parts: tuple[str, ...]
    asked: Amount
    committed: Amount
    limit: Amount

    def __str__(self) -> str:
        part = self.parts[0]
        return (
            f"{part}: {getattr(self.asked, part):,} asked, "
            f"{getattr(self.committed, part):,} of {getattr(self.limit, part):,} committed"
        )


class Ledger:
    """What a run has spent and what its running steps may still spend, never more than the
    limit.
    """

    def __init__(self, limit: Amount) -> None:
        self.limit = limit
        self.spent = Amount()
        self._reserved: dict[str, Amount] = {}

    @property
    def reserved(self) -> Amount:
        total = Amount()
        for amount in self._reserved.values():
            total += amount
        return total

    @property
    def committed(self) -> Amount:
        """Spent plus reserved: what can no longer be promised to another step."""
        return self.spent + self.reserved

    @property
    def left(self) -> Amount:
        """What can still be promised; of each part nothing where more is committed than allowed."""
        return Amount(
            calls=max(self.limit.calls - self.committed.calls, 0),
            tokens=max(self.limit.tokens - self.committed.tokens, 0),
            microdollars=max(self.limit.microdollars - self.committed.microdollars, 0),
        )

    def reserve(self, step: str, amount: Amount) -> Exhausted | None:
        """Set the amount aside for the step, or say why it cannot be."""
        if step in self._reserved:
            raise ValueError(f"step `{step}` has a reservation already")
        parts = (self.committed + amount).over(self.limit)
        if parts:
            return Exhausted(parts=parts, asked=amount, committed=self.committed, limit=self.limit)
        self._reserved[step] = amount
        return None

    def settle(self, step: str, spent: Amount | None) -> Amount:
        """Replace the reservation by what was spent; None, for unknown, counts it as all spent."""
        reserved = self._reserved.pop(step)
        actual = reserved if spent is None else spent
        self.spent += actual
        return actual
