"""Questions that were asked before, put to another policy: what counts as the same, what does not,
and what nobody can say.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.decision import AnyGrant, Grant, Outcome, Request, StandingGrant
from lockstep.finding import Finding
from lockstep.provenance import Provenance
from policies.decider import PolicyTexts
from policies.request import real
from policies.trials.expected import rules_of
from policies.trials.hindsight import SILENT, About, Revisited, Said, asked_again
from policies.trials.promotion import promoted
from policies.trials.tally import MAX_EXAMPLES, MAX_KINDS, Hindsight, Tally
from policies.world import World
from tests.laws.port import PERMIT, under, world

ALLOW, DENY, ASK = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL
GIVEN = datetime(2026, 11, 1, tzinfo=UTC)


def rule(id: str, approvers: str = "", when: str = "true", effect: str = "forbid") -> str:
    asked = f' @approvers("{approvers}")' if approvers else ""
    return (
        f'@id("{id}") @reason("because of {id}"){asked}\n'
        f'{effect} (principal, action == Action::"ScuttleShip", resource) when {{ {when} }};\n'
    )


def here(authorize: str = PERMIT, approvals: str = "", shadow: str = "") -> World:
    """The harbour under other policy, where a yes may stand for a week."""
    found = world()
    asking = found.agent.asking.model_copy(update={"standing": timedelta(days=7)})
    agent = found.agent.model_copy(
        update={"approvers": {"pilots": ("ana",), "owners": ("dora",)}, "asking": asking}
    )
    return under(authorize, approvals, shadow, replace(found, agent=agent))


def scuttling(at: World, *grants: AnyGrant) -> Request:
    return real(
        at.principal_of("ana", "person"),
        at.tools["ScuttleShip"],
        environment=at.environment.name,
        stage=at.environment.stage,
        step="sink",
        provenance=Provenance(),
        args={"ship": "skiff", "crew": []},
        grants=grants,
    )


def yes(at: World, to: str, by: str = "ana") -> Grant:
    """For one run, under the policy of this world."""
    return Grant(
        run="run",
        step="sink",
        rule=to,
        args_digest=scuttling(at).args_digest,
        policy=at.decider.policy,
        by=by,
        expires_at=GIVEN + timedelta(hours=1),
    )


def standing(at: World, to: str, days: int = 7) -> StandingGrant:
    once = yes(at, to).model_dump(exclude={"run", "expires_at"})
    return StandingGrant(
        **once,
        lock=at.decider.policy,
        given_at=GIVEN,
        expires_at=GIVEN + timedelta(days=days),
        run="run",
        question="sink.1",
    )


def again(old: World, new: World, *grants: AnyGrant) -> Revisited:
    """A call that was decided in one world, put to the policy of another."""
    then = old.decider.decide(scuttling(old, *grants))
    made = asked_again(lambda held: new.decider.decide(scuttling(new, *held)), then.grants, new)
    one = question(Said.by(then))
    return one.answered(made, then.grants)


def question(
    then: Said | None = None,
    now: Said | None = None,
    *,
    run: str = "run-1",
    about: About = "call",
    unknown: str = "",
) -> Revisited:
    return Revisited(
        run=run,
        environment="test",
        about=about,
        step="sink",
        tool="ScuttleShip",
        then=then,
        now=now,
        unknown=unknown,
    )


def said(outcome: Outcome | None, *rules: str, why: str = "") -> Said:
    return Said(outcome=outcome, rules=rules, why=why)


def tallied(*found: Revisited, rules: tuple[str, ...] = ()) -> Hindsight:
    tally = Tally(rules)
    for one in found:
        tally.take(one)
    return tally.hindsight


def test_a_yes_that_was_given_is_given_under_the_other_policy_too() -> None:
    """A grant is bound to its policy; had the other one been in force, it would be bound to that.
    What changed elsewhere in the file makes no question of it.
    """
    old = here(approvals=rule("look", "pilots"))
    new = here(PERMIT + rule("never", when="false"), rule("look", "pilots"))
    assert old.decider.policy != new.decider.policy
    found = again(old, new, yes(old, "look"))
    assert ("same", ()) == (found.turn, found.lost)


@pytest.mark.parametrize(
    ("approvals", "why"),
    [
        (rule("looked-at", "pilots"), "a rule by another name is another rule"),
        (rule("look", "owners"), "ana may not lift it any more"),
        (rule("look", "pilots") + rule("twice", "pilots"), "nobody said yes to the second one"),
    ],
)
def test_a_yes_is_good_for_its_rule_and_its_giver(approvals: str, why: str) -> None:
    """Somebody would be asked who was not, and the yes that lifts nothing is named."""
    old = here(approvals=rule("look", "pilots"))
    found = again(old, here(approvals=approvals), yes(old, "look"))
    assert (ALLOW, ASK) == (outcome(found.then), outcome(found.now)), why
    lost = () if "twice" in approvals else ("look",)
    assert lost == tuple(one.rule for one in found.lost)


def test_a_yes_that_stands_would_have_to_be_given_again() -> None:
    """It is bound to the policy as it was; it is told, and is no decision that is otherwise. One
    that the agent would not let stand so long lifts nothing.
    """
    old = here(approvals=rule("look", "pilots"))
    new = here(PERMIT + rule("never", when="false"), rule("look", "pilots"))
    given = standing(old, "look")
    found = again(old, new, given)
    assert ("same", (given,), ()) == (found.turn, found.void, found.lost)
    assert () == again(old, old, given).void
    asking = new.agent.asking.model_copy(update={"standing": timedelta(days=1)})
    short = replace(new, agent=new.agent.model_copy(update={"asking": asking}))
    assert ("otherwise", (given,)) == (again(old, short, given).turn, again(old, short, given).lost)


def outcome(what: Said | None) -> Outcome | None:
    assert what is not None
    return what.outcome


def test_a_rule_that_cannot_be_evaluated_denies_and_is_told() -> None:
    """As it would deny the call itself."""
    huge = '(if context.args.ship == "skiff" then 9223372036854775807 else 0)'
    overflow = rule("sum", when=f"{huge} + 1 > 0")
    found = again(here(), here(PERMIT + overflow))
    assert (DENY, ("sum",)) == (outcome(found.now), found.now and found.now.rules)
    assert "otherwise" == found.turn
    assert frozenset({"sum"}) == found.fired


@pytest.mark.parametrize(
    ("turn", "then", "now"),
    [
        ("same", said(ALLOW, "a"), said(ALLOW, "a")),
        ("same", said(None, why="one thing"), said(None, why="another")),
        ("same", Said(outcome=ALLOW, rules=None), said(ALLOW, "a")),
        ("other rules", said(DENY, "a"), said(DENY, "b")),
        ("otherwise", said(ALLOW, "a"), said(DENY, "a")),
        ("otherwise", said(ALLOW, "a"), said(None)),
        ("otherwise", said(Outcome.UNDECIDED), said(ALLOW)),
        ("open", None, None),
        ("unknown", said(ALLOW), None),
    ],
)
def test_what_counts_as_the_same(turn: str, then: Said | None, now: Said | None) -> None:
    """The outcome; and by which rules, where the record names them."""
    assert turn == question(then, now, unknown="lost" if turn == "unknown" else "").turn


def test_what_nobody_can_say_is_not_the_same() -> None:
    """Whatever else is, a question that cannot be put again keeps the whole from being so; and one
    that is decided otherwise outweighs it.
    """
    same, lost = question(said(ALLOW), said(ALLOW)), question(said(ALLOW), unknown="gone")
    other = question(said(ALLOW), said(DENY))
    assert "same" == tallied(same, question()).verdict
    found = tallied(same, lost, question())
    assert ("incomplete", 1, 1, 1) == (found.verdict, found.same, found.unknown, found.open)
    assert ["gone"] == [kind.unknown for kind in found.unknowns]
    assert "otherwise" == tallied(same, lost, other).verdict
    assert 1 == tallied(same, lost, other).asked - tallied(same, lost).asked


def test_differences_of_one_kind_are_counted_together() -> None:
    """With how many runs they are of and a few examples; what would be denied comes first."""
    denied = [
        question(said(ALLOW, "a", why=f"approved by {run}"), said(DENY, "b"), run=f"run-{run}")
        for run in range(MAX_EXAMPLES + 3)
        for _ in range(2)
    ]
    allowed = [question(said(DENY, "b"), said(ALLOW, "a"))] * 100
    first, second = tallied(*allowed, *denied).changes
    assert (12, 6, DENY) == (first.count, first.runs, first.now and first.now.outcome)
    assert [f"run-{n}" for n in range(MAX_EXAMPLES)] == [one.run for one in first.examples]
    assert (100, 1) == (second.count, second.runs)


def test_what_is_kept_does_not_grow_with_what_is_read() -> None:
    """However many reasons runs make up: what is not told apart is still counted."""
    found = tallied(
        *(question(said(ALLOW), said(DENY, why=f"reason {n}")) for n in range(MAX_KINDS + 7))
    )
    assert (MAX_KINDS, MAX_KINDS + 7, 7) == (len(found.changes), found.otherwise, found.untold)


def test_what_cannot_even_be_placed_is_counted() -> None:
    """A history that nobody can read, or that is gone, names no environment and no step."""
    lost = Revisited(run="r", environment="", about="call", step="", tool="", unknown="gone")
    assert ("incomplete", "") == (tallied(lost).verdict, tallied(lost).unknowns[0].environment)


def test_people_are_asked_about_what_is_done_and_was_not_asked_about() -> None:
    """Nobody is asked about what is only planned; and whoever has answered was asked."""
    ask = said(ASK, "look")
    assert 1 == tallied(question(said(ALLOW), ask)).asks
    assert 0 == tallied(question(said(ALLOW), ask, about="planned")).asks
    assert 0 == tallied(question(said(DENY), ask), question(ask, ask)).asks
    renamed = here(approvals=rule("looked-at", "pilots"))
    old = here(approvals=rule("look", "pilots"))
    assert 0 == tallied(again(old, renamed, yes(old, "look"))).asks
    assert 1 == tallied(again(old, renamed, standing(old, "look"))).asks


def test_a_rule_that_took_part_in_nothing_is_named() -> None:
    """One that decided, asked, was lifted, permits what waits for a yes, or could not be evaluated
    took part; a permit behind a denial did not.
    """
    at = here(PERMIT + rule("gone", when="false"), rule("look", "pilots"))
    asking = again(at, at)
    granted = again(at, at, yes(at, "look"))
    assert ("gone",) == tallied(asking, rules=rules_of(at.texts)).silent
    assert ("gone",) == tallied(granted, rules=rules_of(at.texts)).silent
    denying = here(PERMIT + rule("never"), rule("look", "pilots"))
    found = tallied(again(denying, denying), rules=rules_of(denying.texts))
    assert ("all", "look") == found.silent


def test_what_is_only_tried_changes_nothing_until_it_is_in_force() -> None:
    """What shadow rules would have said is counted; promoted, they decide: a forbid that names
    approvers asks, another denies, a permit permits.
    """
    nobody = PERMIT.replace("action,", 'action == Action::"ListShips",')
    tried = here(shadow=rule("deny") + rule("ask", "pilots"))
    found = tallied(again(here(), tried), rules=rules_of(tried.texts))
    assert ("same", {("deny", DENY, 1), ("ask", ASK, 1)}) == (
        found.verdict,
        {(one.id, one.would, one.count) for one in found.tried},
    )
    assert () == found.silent

    def force(authorize: str, shadow: str) -> Outcome | None:
        texts = promoted(PolicyTexts(authorize=authorize, shadow=shadow))
        assert not texts.shadow
        return outcome(again(here(authorize), here(texts.authorize, texts.approvals)).now)

    assert DENY is force(PERMIT, rule("deny") + rule("ask", "pilots"))
    assert ASK is force(PERMIT, rule("ask", "pilots"))
    assert ALLOW is force(nobody, rule("let", effect="permit"))


def test_a_rule_that_is_none_stays_where_it_is_found() -> None:
    """Nothing of a file is moved while a part of it cannot be read."""
    texts = PolicyTexts(authorize=PERMIT, shadow=rule("deny") + "forbid (what;")
    assert texts == promoted(texts)


def test_a_plan_passes_or_is_refused_as_a_decision_is_made() -> None:
    """By the codes of what was found; the same codes are the same answer."""
    finding = Finding(code="LS-RULE-002", place="plan", problem="no look", fix="look")
    found = Said.passing([finding, finding])
    assert (DENY, ("LS-RULE-002",), "plan: no look") == (found.outcome, found.rules, found.why)
    assert ALLOW is Said.passing(()).outcome is SILENT.outcome
