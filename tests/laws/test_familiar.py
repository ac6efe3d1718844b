"""What a world says of calls that it has met before is what it would say if it had not.

A world that is put together anew, as by `replace`, has met nobody.
"""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.canonical import Digest
from lockstep.decision import Decision, Grounds, Outcome, Request
from lockstep.revision import Replanning
from lockstep.submission import Submission
from lockstep.trust import Trust
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.world import World
from tests.laws.port import BY, LIST, POST, WEIGH, Json, plan, under, with_, world
from tests.laws.test_equal_calls import ALL, CALLS, NAMED, copies, said

LONG = with_(LIST, args={"cargo": ["c" * 5000]})


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from((*CALLS, LONG)), max_size=3),
            st.sampled_from(Trust),
            st.sampled_from((BY, "somebody")),
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=40, deadline=None)
def test_a_world_that_has_met_a_call_says_what_one_says_that_has_not(
    asked: list[tuple[list[Json], Trust, str]],
) -> None:
    """Whatever was checked before in it, for whom, and however far that was to be believed."""
    here = replace(world())
    for calls, literals, by in asked:
        proposed = plan(*copies(calls))
        alone = check(proposed, replace(world()), by, literals)
        assert said(alone) == said(check(proposed, here, by, literals))
        assert said(alone) == said(check(proposed, here, by, literals))


def outcomes(here: World, *steps: Json, by: str = BY) -> dict[str, Outcome]:
    return {made.step: made.outcome for made in check(plan(*steps), here, by).decisions}


def test_a_world_with_another_policy_has_met_nobody() -> None:
    """A call that the one permits is denied by the other, though it was met a moment ago."""
    lax = under(ALL)
    strict = under(ALL + NAMED.format('context.environment.name != ""'), here=lax)
    assert {"list": Outcome.ALLOW} == outcomes(lax, LIST)
    assert {"list": Outcome.DENY} == outcomes(strict, LIST)
    assert {"list": Outcome.ALLOW} == outcomes(lax, LIST)


@pytest.mark.parametrize(
    ("condition", "by", "name"),
    [('context.started_by == "eve"', "eve", "list"), ('context.step == "other"', BY, "other")],
)
def test_who_asks_and_what_a_rule_sees_of_a_step_make_another_question(
    condition: str, by: str, name: str
) -> None:
    """The answer to the first does not stand for the second."""
    here = under(ALL + NAMED.format(condition))
    assert {"list": Outcome.ALLOW} == outcomes(here, LIST)
    assert {name: Outcome.DENY} == outcomes(here, with_(LIST, id=name), by=by)


def test_of_a_decision_that_was_met_the_name_is_that_of_the_step() -> None:
    """The same call under another name, in another plan."""
    here = under(ALL)
    assert {"list": Outcome.ALLOW} == outcomes(here, LIST)
    assert {"again": Outcome.ALLOW} == outcomes(here, with_(LIST, id="again"))


@dataclass
class Failing:
    """A decider that cannot evaluate anything the first time, and is another's own after that."""

    good: CedarDecider
    failed: bool = False
    names_steps: bool = False
    submits: bool = False
    weighs_plans: bool = False

    @property
    def policy(self) -> Digest:
        return self.good.policy

    @property
    def engine(self) -> str:
        return self.good.engine

    @property
    def grounds(self) -> Grounds:
        return self.good.grounds

    def decide(self, request: Request) -> Decision:
        made = self.good.decide(request)
        if self.failed:
            return made
        self.failed = True
        return made.model_copy(update={"outcome": Outcome.DENY, "errors": ("engine",)})

    def submit(self, request: Submission) -> Decision | None:
        return self.good.submit(request)

    def replan(self, request: Replanning) -> Decision:
        return self.good.replan(request)


def test_what_could_not_be_decided_is_denied_and_asked_again() -> None:
    """An engine that fails once does not deny a call for as long as its world is there."""
    lax = under(ALL)
    assert isinstance(lax.decider, CedarDecider)
    here = replace(lax, decider=Failing(lax.decider))
    assert {"list": Outcome.DENY} == outcomes(here, LIST)
    assert {"list": Outcome.ALLOW} == outcomes(here, LIST)


def test_references_are_held_against_the_plan_that_holds_them() -> None:
    """That a call was sound in one plan says nothing of another in which its source is missing."""
    here = replace(world())
    sound = check(plan(LIST, WEIGH, POST), here, BY)
    assert () == sound.errors
    missing = check(plan(POST), here, BY)
    assert {"LS-PLAN-005"} == {one.code for one in missing.errors}
