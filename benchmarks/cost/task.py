"""The tasks: so many lookups, each on its own or on what an earlier one led to.

A task is the same for whoever does it. What the model says to each of them is a script, written
here once from the same graph: turn by turn for a loop, as one proposal for a planner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Shape = Literal["independent", "chain", "mixed"]
SHAPES: tuple[Shape, ...] = ("independent", "chain", "mixed")
SIZES = (3, 10, 30)
TOOLS = (
    "ListPods",
    "ListEvents",
    "ListDeployments",
    "ReadAlerts",
    "ReadLogs",
    "QueryMetric",
    "DescribeNode",
    "ReadTrace",
    "FindOwner",
    "ReadRunbook",
    "ListChanges",
    "ReadTicket",
)
DONE = "All of it was looked up; nothing unusual was seen."


@dataclass(frozen=True)
class Lookup:
    """One call; `parent` is the number of the call whose lead it follows, `depth` how many it
    follows in all.
    """

    number: int
    tool: str
    subject: str
    parent: int | None
    depth: int


@dataclass(frozen=True)
class Task:
    """`k` lookups of one shape."""

    shape: Shape
    k: int

    @property
    def goal(self) -> str:
        """What whoever does the task is told, in so many words."""
        listed = "; ".join(
            f"{one.number} {one.tool} "
            + (one.subject if one.parent is None else f"the lead of {one.parent}")
            for one in self.lookups
        )
        return f"Review {self.shape}-{self.k}. Look up: {listed}."

    @property
    def lookups(self) -> list[Lookup]:
        made: list[Lookup] = []
        for number in range(self.k):
            parent = self._parent(number)
            if parent is None:
                subject, depth = f"service-{number}/0", 0
            else:
                origin, _, step = made[parent].subject.partition("/")
                subject, depth = f"{origin}/{int(step) + 1}", made[parent].depth + 1
            made.append(Lookup(number, TOOLS[number % len(TOOLS)], subject, parent, depth))
        return made

    def _parent(self, number: int) -> int | None:
        match self.shape:
            case "independent":
                return None
            case "chain":
                return number - 1 if number else None
            case "mixed":
                # Three layers: each lookup of the later ones follows one of the layer before.
                width = max(1, self.k // 3)
                return number - width if number >= width else None

    @property
    def depth(self) -> int:
        """Calls on the longest path."""
        return 1 + max(one.depth for one in self.lookups)

    @property
    def turns(self) -> Iterator[list[Lookup]]:
        """What a loop calls at once: all whose leads are known."""
        for depth in range(self.depth):
            yield [one for one in self.lookups if one.depth == depth]

    @property
    def loop_answers(self) -> list[dict[str, Any]]:
        """What the model says to a loop."""
        wanted = [
            {"uses": [{"name": one.tool, "input": {"subject": one.subject}} for one in turn]}
            for turn in self.turns
        ]
        return [*wanted, {"text": DONE}]

    @property
    def planner_answer(self) -> dict[str, Any]:
        """What the model says to a planner."""
        return {
            "proposal": {
                "steps": [
                    {
                        "id": f"s{one.number}",
                        "tool": one.tool,
                        "args": {
                            "subject": one.subject
                            if one.parent is None
                            else {"$from": f"s{one.parent}", "path": "/lead"}
                        },
                        "reason": "The review asks for it.",
                    }
                    for one in self.lookups
                ]
            }
        }
