"""What all the questions of many runs came to, once they were put to policy again.

They are taken one at a time and forgotten: what is kept are numbers, and a few examples of each
kind of difference, however many runs there were. A kind is told by what was said and why. Runs name
things that are in reasons, so the number of kinds is limited; what comes after is only counted.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from lockstep.decision import AnyGrant, Outcome, StandingGrant
from lockstep.names import Person, RuleId
from lockstep.record import Record
from policies.trials.hindsight import About, Revisited, Said, Turn

MAX_KINDS = 200
MAX_EXAMPLES = 3


class Example(Record):
    """Where to look one up."""

    run: str
    step: str
    targets: tuple[str, ...] = ()


class Kind(Record):
    """Questions that were answered one way and are answered another, all for the same reason.

    Of those that cannot be put again `unknown` says why, and nothing is said now. `environment` is
    empty where not even that can be read.
    """

    environment: str
    about: About
    tool: str
    then: Said | None
    now: Said | None
    unknown: str = ""
    count: int
    runs: int
    examples: tuple[Example, ...]


class TriedRule(Record):
    """A rule of `shadow.cedar`, and how often it would have decided so."""

    id: RuleId
    would: Outcome
    count: int


class Yes(Record):
    """A yes that somebody gave to a rule; `standing` if it stands for every run of a lock."""

    rule: RuleId
    by: Person
    standing: bool
    count: int


Verdict = Literal["same", "otherwise", "incomplete"]


class Hindsight(Record):
    """Everything that came of it. `otherwise` questions would be decided otherwise, `other_rules`
    the same by other rules; `unknown` could not be put again, `open` have no answer on record.

    `silent` are the rules that took part in no decision, `lost` the yeses that would not lift what
    asks now, `void` those that stand and would have to be given again because policy is another
    one. `restated` counts questions about tools that are declared otherwise than they were.
    `untold` counts what is in `otherwise`, `other_rules` and `unknown`, and in none of their kinds.
    """

    runs: int
    plannings: int
    same: int
    other_rules: int
    otherwise: int
    unknown: int
    open: int
    restated: int
    changes: tuple[Kind, ...]
    others: tuple[Kind, ...]
    unknowns: tuple[Kind, ...]
    untold: int
    tried: tuple[TriedRule, ...]
    silent: tuple[RuleId, ...]
    lost: tuple[Yes, ...]
    void: tuple[Yes, ...]
    asks: int = Field(description="How often somebody would be asked who was not asked then.")

    @property
    def asked(self) -> int:
        """Questions that were put again, and can be compared."""
        return self.same + self.other_rules + self.otherwise

    @property
    def verdict(self) -> Verdict:
        """What nobody can say is not the same."""
        if self.otherwise:
            return "otherwise"
        return "incomplete" if self.unknown else "same"


@dataclass
class _Counted:
    """A kind while it is counted."""

    first: Revisited
    count: int = 0
    runs: int = 0
    last: str = ""
    examples: list[Example] = field(default_factory=list)

    def take(self, one: Revisited) -> None:
        self.count += 1
        # Questions come run by run.
        if one.run == self.last:
            return
        self.runs, self.last = self.runs + 1, one.run
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(Example(run=one.run, step=one.step, targets=one.targets))

    @property
    def kind(self) -> Kind:
        one = self.first
        return Kind(
            environment=one.environment,
            about=one.about,
            tool=one.tool,
            then=one.then,
            now=one.now,
            unknown=one.unknown,
            count=self.count,
            runs=self.runs,
            examples=tuple(self.examples),
        )


@dataclass
class Tally:
    """Takes what was asked again, run by run; `rules` are the ids of all rules there are."""

    rules: tuple[RuleId, ...]
    runs: int = 0
    plannings: int = 0
    _turns: Counter[Turn] = field(default_factory=Counter)
    _kinds: dict[Hashable, _Counted] = field(default_factory=dict)
    _untold: int = 0
    _asks: int = 0
    _restated: int = 0
    _fired: set[RuleId] = field(default_factory=set)
    _tried: Counter[tuple[RuleId, Outcome]] = field(default_factory=Counter)
    _lost: Counter[tuple[RuleId, Person, bool]] = field(default_factory=Counter)
    _void: dict[str, StandingGrant] = field(default_factory=dict)

    def begin(self, *, planning: bool) -> None:
        """Another run or planning, whose questions come next."""
        self.plannings += planning
        self.runs += not planning

    def take(self, one: Revisited) -> None:
        turn = one.turn
        self._turns[turn] += 1
        self._restated += one.restated
        self._fired |= one.fired & {*self.rules}
        self._tried.update((rule.id, rule.would) for rule in one.tried)
        self._lost.update(_named(grant) for grant in one.lost)
        for grant in one.void:
            if len(self._void) < MAX_KINDS:
                self._void[grant.digest] = grant
        if turn in ("same", "open"):
            return
        self._asks += turn == "otherwise" and _asks(one)
        key = (turn, one.environment, one.about, one.tool, *_answers(one), one.unknown)
        if key not in self._kinds and len(self._kinds) >= MAX_KINDS:
            self._untold += 1
            return
        self._kinds.setdefault(key, _Counted(one)).take(one)

    @property
    def hindsight(self) -> Hindsight:
        """All of it; what differs most often first."""
        kinds: dict[Turn, list[Kind]] = {"otherwise": [], "other rules": [], "unknown": []}
        for counted in self._kinds.values():
            kinds[counted.first.turn].append(counted.kind)
        changes, others, unknowns = (
            tuple(sorted(found, key=_severity)) for found in kinds.values()
        )
        return Hindsight(
            runs=self.runs,
            plannings=self.plannings,
            same=self._turns["same"],
            other_rules=self._turns["other rules"],
            otherwise=self._turns["otherwise"],
            unknown=self._turns["unknown"],
            open=self._turns["open"],
            restated=self._restated,
            changes=changes,
            others=others,
            unknowns=unknowns,
            untold=self._untold,
            tried=tuple(
                TriedRule(id=id, would=would, count=count)
                for (id, would), count in sorted(self._tried.items())
            ),
            silent=tuple(id for id in self.rules if id not in self._fired),
            lost=_yeses(self._lost),
            void=_yeses(Counter(map(_named, self._void.values()))),
            asks=self._asks,
        )


def _severity(kind: Kind) -> tuple[int, int, str, str]:
    """What would be denied before what would be allowed, and the frequent before the rare."""
    ranks = [None, *reversed(Outcome)]
    now = kind.now.outcome if kind.now else None
    return ranks.index(now), -kind.count, kind.environment, kind.tool


def _asks(one: Revisited) -> bool:
    """Whether somebody would be asked who was not. Of what is only planned nobody is; and whose yes
    is lost in the same run was asked, if under another rule.
    """
    if one.about in ("planned", "checks") or one.now is None or one.then is None:
        return False
    asked_then = one.then.outcome in (Outcome.DENY, Outcome.REQUIRE_APPROVAL)
    said_yes = any(not isinstance(grant, StandingGrant) for grant in one.lost)
    return one.now.outcome is Outcome.REQUIRE_APPROVAL and not asked_then and not said_yes


def _answers(one: Revisited) -> tuple[Hashable, ...]:
    """What makes a kind of two answers. Why it was so then is another story each time, if only
    because another person said yes.
    """
    then, now = one.then, one.now
    by = then.rules if then and one.turn == "other rules" else ()
    return (
        (then.outcome, by) if then else None,
        (now.outcome, now.rules, now.why) if now else None,
    )


def _named(grant: AnyGrant) -> tuple[RuleId, Person, bool]:
    return grant.rule, grant.by, isinstance(grant, StandingGrant)


def _yeses(counted: Counter[tuple[RuleId, Person, bool]]) -> tuple[Yes, ...]:
    found: Iterable[tuple[tuple[RuleId, Person, bool], int]] = sorted(counted.items())
    return tuple(
        Yes(rule=rule, by=by, standing=standing, count=count)
        for (rule, by, standing), count in found
    )
