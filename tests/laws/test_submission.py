"""A plan as a whole before policy: asked about where a rule speaks of it, approved for itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockstep.canonical import digest
from lockstep.case import PlanCase
from lockstep.decision import Decision, Outcome, Phase
from lockstep.lock import Body, Lock
from lockstep.statement import Approved, Asked, Author, Proposed, Refreshed, Statement
from lockstep.usage import Bill
from policies.check import check
from policies.locks.claims import claims
from policies.locks.freeze import freeze
from policies.locks.today import today
from policies.submission import started, submitted
from policies.trials.whole_cases import tried_plan
from policies.world import World
from tests.laws.port import BY, PERMIT, STEPS, plan, refusal, under, world

ALLOW, DENY, ASK = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def rule(id: str = "whole", when: str = "true", effect: str = "forbid", approvers: str = "") -> str:
    asked = f' @approvers("{approvers}")' if approvers else ""
    return (
        f'@id("{id}") @reason("because of {id}"){asked}\n'
        f'{effect} (principal, action == Action::"plan.submit", resource) when {{ {when} }};\n'
    )


def here(authorize: str = PERMIT, approvals: str = "", shadow: str = "") -> World:
    """The harbour under other policy."""
    found = world()
    agent = found.agent.model_copy(
        update={"approvers": {"master": ("cleo",), "owner": ("dora", "cleo")}}
    )
    return under(authorize, approvals, shadow, replace(found, agent=agent))


def whole(at: World, planner: Asked | None = None) -> Decision | None:
    return check(plan(*STEPS), at, BY, author=Author.of(planner)).plan


ASKED = Asked(model="m", request="r", prompt=digest(0), bill=Bill(calls=2), replans=2)


def test_a_policy_that_does_not_speak_of_plans_is_not_asked() -> None:
    """Its checks and its locks are written as they always were."""
    checked = check(plan(*STEPS), here(), BY)
    assert (None, None) == (checked.plan, checked.approval)
    assert not {"plan", "approval"} & {*checked.model_dump(mode="json")}
    body = freeze(plan(*STEPS), checked, here())
    assert "whole" not in body.model_dump(mode="json")


def test_rules_that_constrain_no_action_speak_of_calls() -> None:
    """So an old forbid for everything means what it meant, and its arguments are a tool's."""
    everything = (
        '@id("no-coal") @reason("r") forbid (principal, action, resource) '
        'when { context.effect == "destructive" };'
    )
    assert whole(here(PERMIT + everything)) is None


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ("context.steps == 3", True),
        ("context.steps > 3", False),
        ('context.tools.contains("PostNotice")', True),
        ('context.tools.contains("ScuttleShip")', False),
        ('context.effects == ["read", "write"]', True),
        ("context.calls >= 4 && context.tokens >= 10 && context.microdollars >= 0", True),
        ("context.model || context.replans > 0", False),
        ('context.started_by == "ana" && context.trigger == "person"', True),
        ('context.phase == "plan" && context.environment.name == "test"', True),
        ('principal.role == "nobody" || resource.stage == "prod"', False),
    ],
)
def test_what_is_asked_about_is_the_plan_s_own(facts: str, holds: bool) -> None:
    """A forbid that states a fact denies exactly where the fact is so."""
    made = whole(here(PERMIT + rule(when=facts)))
    assert made is not None
    assert (DENY if holds else ALLOW) is made.outcome


def test_a_denial_is_a_finding_about_the_plan() -> None:
    """In the rule's own words, beside the verdicts on the steps."""
    checked = check(plan(*STEPS), here(PERMIT + rule(when="context.steps > 2")), BY)
    (found,) = checked.findings
    assert ("LS-POLICY-002", "plan") == (found.code, found.place)
    assert "the plan as a whole is BLOCKED by whole: because of whole" == found.problem
    assert {ALLOW, Outcome.UNDECIDED} >= {made.outcome for made in checked.decisions}


def test_an_error_denies() -> None:
    """A rule that cannot be evaluated has not been kept."""
    checked = check(
        plan(*STEPS), here(PERMIT + rule(when="context.steps + 9223372036854775807 > 0")), BY
    )
    assert ["LS-POLICY-003"] == [found.code for found in checked.findings]


def test_a_permit_for_plans_is_a_list_of_what_may_be() -> None:
    """Where none names the action a plan is permitted as a whole; where one does, the rest is
    denied.
    """
    small = rule("small", "context.steps < 3", "permit")
    made = whole(here(PERMIT + small))
    assert made is not None
    assert (DENY, "no policy permits this plan as a whole") == (made.outcome, made.why)
    assert ALLOW is getattr(whole(here(PERMIT + small.replace("< 3", "< 4"))), "outcome", None)
    assert ALLOW is getattr(
        whole(here(PERMIT, rule("a", "false", approvers="master"))), "outcome", None
    )


def test_who_wrote_the_plan_is_a_fact() -> None:
    """And how often it was sent back before."""
    at = here(PERMIT, rule(when="context.model && context.replans == 2", approvers="master"))
    asked, by_hand = whole(at, ASKED), whole(at)
    assert asked is not None
    assert by_hand is not None
    assert (ASK, ALLOW) == (asked.outcome, by_hand.outcome)


def test_what_has_to_be_approved_is_said_with_the_verdict() -> None:
    """By which rules, of whom, under which policy; the plan passes its check all the same."""
    at = here(PERMIT, rule(approvers="master, absent"))
    checked = check(plan(*STEPS), at, BY)
    assert checked.passed
    assert checked.approval is not None
    assert {"master": ("cleo",)} == checked.approval.people
    assert at.decider.policy == checked.approval.policy
    assert plan(*STEPS).digest == checked.approval.facts["plan"]


def test_a_rule_of_plans_and_tools_at_once_is_refused() -> None:
    """They have nothing in common that it could speak of."""
    mixed = (
        '@id("x") @reason("r") forbid (principal, action in '
        '[Action::"plan.submit", Action::"ListShips"], resource);'
    )
    assert "names `plan.submit` beside tools" in refusal(lambda: here(PERMIT + mixed)).problem
    wrong = refusal(lambda: here(PERMIT + rule(when="context.stepz > 2")))
    assert "`context.stepz` is not known of `plan.submit`" == wrong.problem
    assert "did you mean `steps`?" == wrong.fix
    near = refusal(lambda: here(PERMIT + rule().replace("plan.submit", "plan.submt")))
    assert "did you mean `plan.submit`?" == near.fix


# the lock


def frozen(at: World) -> Body:
    return freeze(plan(*STEPS), check(plan(*STEPS), at, BY), at)


ASKS = here(PERMIT, rule(approvers="master"))
BODY = frozen(ASKS)
LOCK = Lock.freeze(BODY, Proposed(by="ana", at=NOW))


def yes(**changes: Any) -> Approved:
    return Approved.model_validate(
        {
            "lock": LOCK.digest,
            "by": "cleo",
            "roles": ("master",),
            "rules": ("whole",),
            "policy": ASKS.decider.policy,
            "at": NOW,
            **changes,
        }
    )


def run(
    at: World, *statements: Statement, now: datetime = NOW, trigger: str = "person"
) -> Decision:
    asked = started(BODY, LOCK.digest, statements, at, by="ana", trigger=trigger)
    made = submitted(asked, at, statements, now)
    assert made is not None
    assert Phase.RUN is made.phase
    return made


def test_a_run_is_asked_about_what_its_plan_was_asked_about() -> None:
    """The same steps, tools, effects and worst case; only who starts it may be another."""
    checked = check(plan(*STEPS), ASKS, BY)
    assert checked.approval is not None
    now = started(BODY, LOCK.digest, LOCK.statements, ASKS, by="ana", trigger="schedule").told
    then = checked.approval.facts
    assert {k: v for k, v in then.items() if k != "plan"} == {
        k: v for k, v in now.items() if k != "lock"
    }


def test_a_yes_that_stands_with_the_lock_answers() -> None:
    """The decision names it."""
    made = run(ASKS, yes())
    assert (ALLOW, ["cleo"]) == (made.outcome, [grant.by for grant in made.grants])
    assert "whole approved by cleo" == made.why


@pytest.mark.parametrize(
    "changes",
    [
        {"lock": digest("another")},
        {"by": "dora"},
        {"by": "ana"},
        {"rules": ("other",)},
        {"policy": digest("another")},
        {"expires_at": NOW},
    ],
)
def test_a_yes_to_something_else_is_none(changes: dict[str, Any]) -> None:
    """Another lock, somebody who holds no such role, another rule, another policy, another time."""
    made = run(ASKS, yes(**changes))
    assert (ASK, ["whole"]) == (made.outcome, [rule.id for rule in made.missing])


def test_a_yes_holds_until_it_expires() -> None:
    """And for ever where nothing is said of it."""
    until = yes(expires_at=NOW + timedelta(days=1))
    assert ALLOW is run(ASKS, until, now=NOW + timedelta(hours=23)).outcome
    assert ASK is run(ASKS, until, now=NOW + timedelta(hours=25)).outcome
    assert ALLOW is run(ASKS, yes(), now=NOW + timedelta(days=4000)).outcome


def test_each_rule_wants_the_yes_of_its_own_approvers() -> None:
    """Two people may answer two rules; neither answers both unless they hold both roles."""
    both = rule("one", approvers="master") + rule("two", approvers="owner")
    at = here(PERMIT, both)
    policy = at.decider.policy
    one, two = yes(rules=("one",), policy=policy), yes(by="dora", rules=("two",), policy=policy)
    assert ALLOW is run(at, one, two).outcome
    assert ["two"] == [rule.id for rule in run(at, one).missing]
    too_much = yes(by="dora", rules=("one", "two"), policy=policy)
    assert ["one"] == [rule.id for rule in run(at, too_much).missing]


def test_a_lock_of_which_nobody_says_who_wrote_it_was_written_by_a_model() -> None:
    """A statement can be taken out of a file; what is left must not be worth more."""
    at = here(PERMIT, rule(when="context.model", approvers="master"))
    assert ASK is run(at).outcome
    assert ALLOW is run(at, Proposed(by="ana", at=NOW)).outcome
    assert ASK is run(at, Proposed(by="ana", at=NOW, planner=ASKED)).outcome


@pytest.mark.parametrize(
    ("statements", "outcome"),
    [
        ((), ASK),
        ((Proposed(by="ana", at=NOW),), ALLOW),
        ((Proposed(by="ana", at=NOW, planner=ASKED),), ASK),
        ((Proposed(by="ana", at=NOW, planner=ASKED), Refreshed(by="b", at=NOW, of=digest(0))), ASK),
    ],
)
def test_a_plan_that_is_locked_anew_is_still_whose_it_was(
    statements: tuple[Statement, ...], outcome: Outcome
) -> None:
    """A rule about models is met when a lock is refreshed, as it is when it is run, and says the
    same.
    """
    at = here(PERMIT, rule(when="context.model", approvers="master"))
    lock = Lock.freeze(frozen(at), *statements)
    made = today(lock, at, BY, at.contents.look).checked.plan
    assert made is not None
    assert outcome is made.outcome is run(at, *statements).outcome


def test_how_often_a_model_was_sent_back_is_known_when_its_plan_is_locked_anew() -> None:
    """The count stands in the statement, and policy may draw a line at it."""
    at = here(PERMIT + rule("no", "context.replans >= 2"))
    lock = Lock.freeze(BODY, Proposed(by="ana", at=NOW, planner=ASKED))
    found = today(lock, at, BY, at.contents.look)
    assert found.body is None
    assert ["LS-POLICY-002"] == [one.code for one in found.checked.errors]


def test_a_lock_cannot_keep_quiet_that_policy_speaks_of_it() -> None:
    """Then it would be run without being asked about."""
    quiet = BODY.model_copy(update={"whole": False})
    assert [] == list(claims(BODY, ASKS))
    (found,) = claims(quiet, ASKS)
    assert "claims something else of `whole`" in found.problem


def test_the_same_plan_has_one_digest_whoever_wrote_it() -> None:
    """What is asked of it stands beside the lock, and so does the answer."""
    at = here(PERMIT, rule(when="context.model", approvers="master"))
    by_hand = freeze(plan(*STEPS), check(plan(*STEPS), at, BY), at)
    by_model = freeze(plan(*STEPS), check(plan(*STEPS), at, BY, author=Author.of(ASKED)), at)
    assert Lock.freeze(by_hand).digest == Lock.freeze(by_model).digest
    assert LOCK.digest == LOCK.stating(yes()).digest


def test_what_is_tried_on_plans_is_written_down() -> None:
    """A shadow rule alone changes nothing: not even whether a lock is asked about."""
    at = here(shadow=rule())
    made = whole(at)
    assert made is not None
    assert made.shadow is not None
    assert (ALLOW, {"whole": DENY}) == (
        made.outcome,
        {one.id: one.would for one in made.shadow.would},
    )
    assert (False, False) == (at.decider.submits, frozen(at).whole)


def test_a_case_may_be_of_a_whole_plan() -> None:
    """By its facts; what policy is not asked about fails."""

    def case(**fields: Any) -> PlanCase:
        given = {"env": "test", "tools": ["ListShips", "PostNotice"], "expect": "ALLOW"}
        return PlanCase.model_validate(given | fields)

    at = here(
        PERMIT + rule("no", "context.calls > 9"), rule("ask", "context.model", approvers="master")
    )
    assert () == tried_plan("plan case 1", case(), at).findings
    assert () == tried_plan("plan case 1", case(calls=10, expect="DENY", rules=["no"]), at).findings
    asked = case(model=True, expect="REQUIRE_APPROVAL", reason="because of ask")
    assert () == tried_plan("plan case 1", asked, at).findings
    assert (
        ()
        == tried_plan("plan case 1", case(model=True, approved=["ask"], phase="run"), at).findings
    )
    (wrong,) = tried_plan("plan case 1", case(calls=10), at).findings
    assert ("plan case 1", True) == (
        wrong.place,
        "expected ALLOW, found DENY by no" in wrong.problem,
    )
    (nothing,) = tried_plan("plan case 1", case(), here()).findings
    assert "no rule names `plan.submit`" in nothing.problem
    (stranger,) = tried_plan("plan case 1", case(tools=["Nobody"]), at).findings
    assert "tool `Nobody` does not exist" == stranger.problem
