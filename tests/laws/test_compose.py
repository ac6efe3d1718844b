"""A compose step is a call like any other: typed, permitted or not, traced, reserved, locked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.compose import offered
from activities.package import load_package
from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.compose import BUILT_IN, COMPOSE, MAX_CALLS, MAX_ROOM, Rates
from lockstep.contents import nothing
from lockstep.decision import Outcome
from lockstep.environment import Limits
from lockstep.errors import LockstepError
from lockstep.finding import Severity
from lockstep.loading import shaped
from lockstep.lock import Body, LockedToolStep
from lockstep.plan import ComposeStep, Plan, Steps
from lockstep.provenance import Provenance
from lockstep.trust import Trust
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.lineage.edited import rewritten
from policies.locks.claims import claims
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.locks.thaw import thaw
from policies.world import World
from tests.laws import port
from tests.laws.office import (
    FILE,
    READ,
    SUM,
    SUMMARY,
    Json,
    checked,
    composed,
    frozen,
    plan,
    told,
    world,
)

RECORD: Json = {"id": "record", "tool": "ReadRecord", "args": {"name": "ana"}}
PRIVATE: Json = {**SUM, "inputs": {"record": {"$from": "record", "path": "/text"}}}


def under(policy: str) -> World:
    """The world under another policy."""
    here = world()
    texts = PolicyTexts(authorize=policy)
    return replace(
        here, texts=texts, decider=CedarDecider.load(texts, here.tools, here.environment)
    )


def test_a_step_of_no_kind_calls_a_tool() -> None:
    """Every plan that was written before there were two kinds means what it meant."""
    (step,) = plan(READ).steps
    assert "tool" == step.kind
    assert plan(READ).digest == plan({**READ, "kind": "tool"}).digest
    assert LockedToolStep is type(frozen(READ).steps["read"])


@pytest.mark.parametrize("kind", ["Compose", "", None, 7, [], "(tool)"])
def test_another_kind_is_told_apart_by_name(kind: Any) -> None:
    """And not by every field in which it differs from each kind there is."""
    with pytest.raises(LockstepError) as refused:
        plan({**READ, "kind": kind})
    assert ["LS-LOAD-007 plan/steps/0: `kind` is `tool` or `compose`; correct the value"] == [
        str(found) for found in refused.value.findings
    ]


def test_a_misfit_in_a_step_is_told_by_its_place_in_the_document() -> None:
    """Whichever kind the step is: `plan/steps/0/id`, as it is written."""
    with pytest.raises(LockstepError) as refused:
        plan({**SUM, "id": "7"}, {**READ, "id": "8"})
    places = [found.place for found in refused.value.findings]
    assert ["plan/steps/0/id", "plan/steps/1/id"] == places


def test_a_plan_that_composes_passes_and_says_what_it_may_cost() -> None:
    """What may be spent is every attempt, with every call that it may make, each at its longest."""
    verdict = checked()
    step = composed(frozen())

    assert () == verdict.findings
    assert verdict.worst.tokens == step.cost.tokens * step.attempts
    answers = MAX_CALLS * MAX_ROOM * step.max_tokens
    assert step.cost.tokens > MAX_CALLS * step.max_input_tokens + answers
    assert 0 == step.cost.calls
    assert 0 < step.cost.microdollars


def test_a_plan_that_composes_needs_tokens_and_money() -> None:
    """By default a run has neither, and the finding says what to raise."""
    here = world()
    poor = replace(here, environment=here.environment.model_copy(update={"limits": Limits()}))
    found = told(here=poor)

    assert [
        "raise `limits.tokens` in the manifest",
        "raise `limits.microdollars` in the manifest",
    ] == [line.rpartition("or ")[2] for line in found]
    smaller = {**SUM, "max_tokens": 64, "max_input_tokens": 256, "attempts": 1}
    assert checked(READ, smaller, FILE).worst.tokens < checked().worst.tokens / 4


def test_where_nothing_is_composed_the_step_does_not_exist() -> None:
    """A manifest without `[compose]` composes nothing, whatever policy says."""
    assert [
        "LS-ENV-002 step `sum`: nothing is composed in environment `plain`; "
        "add `[compose]` to its manifest, or leave the step out"
    ] == told(here=world("plain"))


def test_a_tool_step_cannot_name_it() -> None:
    """Without a schema of its own there would be nothing to hold the answer to."""
    sneaked = {"id": "sum", "tool": COMPOSE, "args": {"instruction": "x", "inputs": {}}}
    assert [
        "LS-PLAN-004 step `sum`: `Compose` is no tool, it is what composes; "
        "write a step of `kind` `compose`"
    ] == told(sneaked)


def test_silence_of_policy_denies() -> None:
    """An agent whose policy does not speak of composing does not compose."""
    quiet = """
    @id("work") @reason("work")
    permit (principal, action in [Action::"ReadLetters", Action::"File"], resource);
    """
    (found,) = checked(here=under(quiet)).findings
    assert ("LS-POLICY-002", "DisallowedToolError: no policy permits `Compose` here") == (
        found.code,
        found.problem,
    )


def test_policy_can_keep_what_is_private_from_a_provider() -> None:
    """What a model is told leaves the house: that is `outward`, and may be `sensitive`."""
    (found,) = told(RECORD, PRIVATE, FILE)
    assert "clerk.private: records stay in the house" in found
    outward = """
    @id("work") @reason("work") permit (principal, action, resource);
    @id("in") @reason("nothing leaves") forbid (principal, action == Action::"Compose", resource)
    when { context.flow.outward && context.environment.name == "test" };
    """
    (found,) = told(here=under(outward))
    assert "in: nothing leaves" in found


def test_policy_sees_the_instruction() -> None:
    """It is an argument, and as plain as any other."""
    asks = """
    @id("work") @reason("work") permit (principal, action, resource);
    @id("draft") @reason("no drafts") forbid (principal, action == Action::"Compose", resource)
    when { context.args.instruction like "Draft*" };
    """
    assert [] == told(here=under(asks))
    (found,) = told(READ, {**SUM, "instruction": "Draft a letter."}, FILE, here=under(asks))
    assert "no drafts (draft)" in found


@pytest.mark.parametrize(
    ("inputs", "untrusted"),
    [
        ({"letters": {"$from": "read", "path": "/texts"}}, True),
        ({"note": {"$input": "/note"}}, True),
        ({"tone": {"$input": "/tone"}}, False),
        ({"when": {"$run": "/scheduled_at"}, "word": "plain"}, False),
    ],
)
def test_what_a_model_writes_is_as_trusted_as_the_worst_it_was_told(
    inputs: Json, untrusted: bool
) -> None:
    """A summary of a stranger's letter is a stranger's word; one of a person's words is theirs."""
    step = {**SUM, "inputs": inputs, "after": ["read"]}
    urgent = {"urgency": {"$from": "sum", "path": "/urgency"}}
    body_file = {**FILE, "args": {**FILE["args"], **urgent}}
    verdict = checked(READ, step, body_file)
    provenance = next(one.provenance for one in verdict.decisions if one.step == "file")

    assert (("/text", "/urgency") if untrusted else ()) == provenance.untrusted
    assert COMPOSE in provenance.sources


def test_rewriting_one_input_says_nothing_of_the_others() -> None:
    """What a human left as it was keeps its label, also within what the model is told."""
    told_ = Provenance(untrusted=("/inputs/letters", "/inputs/note"))
    before: Json = {"instruction": "x", "inputs": {"letters": ["a"], "note": "b"}}
    after: Json = {"instruction": "y", "inputs": {"letters": ["a"], "note": "mine"}}

    def left(given: Json) -> tuple[str, ...]:
        return rewritten(told_, (before,), (given,), BUILT_IN.input).untrusted

    assert ("/inputs/letters",) == left(after)
    assert told_.untrusted == left(before)
    assert () == left({"instruction": "y", "inputs": {}})


def test_a_doubtful_instruction_makes_the_answer_doubtful() -> None:
    """An instruction is a literal, and a literal is as trusted as who wrote the plan."""
    step = {**SUM, "inputs": {}}
    verdict = check(plan(step, FILE), world(), "ana", Trust.UNTRUSTED)
    provenance = next(one.provenance for one in verdict.decisions if one.step == "file")
    assert ("/text",) == provenance.untrusted


def test_its_output_feeds_other_steps_by_type() -> None:
    """Field by field, like a tool's: what is not declared cannot be referred to."""
    wrong = {**FILE, "args": {"text": {"$from": "sum", "path": "/total"}}}
    (found,) = told(READ, SUM, wrong)
    assert found.startswith("LS-PLAN-009 step `file` /text: `sum/total` names `total`")
    numbers = {
        **SUMMARY,
        "properties": {"summary": {"type": "integer"}, "urgency": {"type": "string"}},
    }
    (found,) = told(READ, {**SUM, "output": numbers}, FILE)
    assert "brings `integer` where `string` is wanted" in found


def test_a_loop_composes_each_item() -> None:
    """That is how a long list is mapped: by a bounded loop, whose answers are a list again."""
    each = {
        **SUM,
        "inputs": {"letter": {"$item": ""}},
        "for_each": {"in": {"$from": "read", "path": "/texts"}, "max": 4},
    }
    whole = {
        **SUM,
        "id": "all",
        "inputs": {"summaries": {"$from": "sum"}},
    }
    last = {**FILE, "args": {"text": {"$from": "all", "path": "/summary"}}}
    verdict = checked(READ, each, whole, last)

    assert () == verdict.findings
    assert verdict.worst.tokens == 5 * checked().worst.tokens


def test_it_may_fall_back_on_what_the_plan_gives() -> None:
    """Each way in which a model can fail to answer is an error with a name."""
    given = {"summary": "nobody summed up", "urgency": "low"}
    errors = ("ComposeInvalid", "ComposeRefused", "ComposeTruncated", "InputTooLong")
    step = {**SUM, "on_error": {name: {"output": given} for name in errors}}
    assert [] == told(READ, step, FILE)

    other = {**SUM, "on_error": {"ComposeRefused": {"output": {"summary": 7}}}}
    assert {"LS-PLAN-016"} == {found.split()[0] for found in told(READ, other, FILE)}


def test_a_warning_names_the_errors_that_would_stop_the_run() -> None:
    """Not a refusal: about that a human is asked where nobody provides for it."""
    here = world()
    silent = replace(here, environment=here.environment.model_copy(update={"errors": {}}))
    (found,) = checked(here=silent).findings
    assert (Severity.WARNING, "LS-PLAN-018", "step `sum`") == (
        found.severity,
        found.code,
        found.place,
    )
    assert found.problem.startswith(
        "`Compose` may signal `ComposeInvalid`, `ComposeTruncated`, `InputTooLong`, for which"
    )


@pytest.mark.parametrize(
    ("name", "asked", "most"),
    [
        ("max_tokens", 500, "500, and the manifest's `[compose]` allows 400"),
        ("max_input_tokens", 2_001, "2,001, and the manifest's `[compose]` allows 2,000"),
        ("attempts", 4, "4, and the manifest's `[compose]` allows 3"),
        ("timeout", "21s", "21s, and the manifest's `[compose]` allows 20s"),
    ],
)
def test_a_step_asks_for_no_more_than_the_manifest_allows(name: str, asked: Any, most: str) -> None:
    """Less is the step's own affair."""
    (found,) = told(READ, {**SUM, name: asked}, FILE)
    assert f"LS-PLAN-012 step `sum`: asks for {name} {most}; lower" in found


def test_a_mocked_world_pays_nothing() -> None:
    """Where a file answers no token is spent, and a run needs no budget for any."""
    here = world("sandbox")
    step = composed(frozen(here=here))

    assert Amount() == step.cost
    assert (COMPOSE,) == frozen(here=here).mocked


def test_freezing_leaves_nothing_to_choose() -> None:
    """Who is asked, in which words, how long the answer may be: all of it is in the lock."""
    step, spec = composed(frozen()), world().tools[COMPOSE]

    assert (("claude-sonnet-5-5", "claude-opus-5-5"), "low", 400, 2_000, "refuse") == (
        step.models,
        step.effort,
        step.max_tokens,
        step.max_input_tokens,
        step.long,
    )
    assert frozen().pins.tools[COMPOSE] == spec.digest
    assert Outcome.ALLOW is step.expected
    assert Provenance(untrusted=("/inputs/letters",), sources=("ReadLetters",)) == step.provenance
    assert frozen() == Body.model_validate(frozen().model_dump(mode="json"))


@pytest.mark.parametrize("kept", [True, False])
def test_a_lock_gives_back_the_step_as_the_plan_wrote_it(kept: bool) -> None:
    """What the plan left open is open again, and what it said is kept, also where nobody kept what
    the lock pinned.
    """
    here, look = world(), world().contents.look if kept else nothing
    tighter = {"max_tokens": 300, "timeout": "3s", "attempts": 2, "long": "cut"}
    fallback = {"on_error": {"ComposeRefused": {"skip": True}}}
    for said in ({}, tighter, fallback):
        steps = (READ, {**SUM, **said}, FILE)
        found = shaped(Plan, thaw(frozen(*steps), here.tools, look), "plan")
        assert {**plan(*steps).steps["sum"].model_dump(), "after": ()} == (
            found.steps["sum"].model_dump()
        )
        assert frozen(*steps) == freeze(found, check(found, here, "ana"), here)


def test_a_default_of_then_is_not_taken_for_the_plans_own() -> None:
    """The manifest allows more than it did, and so does the step: its plan left that open."""
    here = world()
    assert here.environment.compose is not None
    settings = here.environment.compose.model_copy(update={"max_tokens": 800})
    now = {**here.tools, COMPOSE: offered(settings)}
    found = shaped(Plan, thaw(frozen(), now, here.contents.look), "plan").steps["sum"]
    assert isinstance(found, ComposeStep)
    assert found.max_tokens is None


def test_what_composes_is_kept_as_the_lock_pins_it() -> None:
    """So that drift can say what is different: who is asked, in which words, how much at most."""
    kept = world().contents.tools[COMPOSE]
    spec = world().tools[COMPOSE]
    assert digest(kept) == spec.digest == frozen().pins.tools[COMPOSE]
    assert isinstance(kept, dict)
    assert {"models", "effort", "prompt", "max_tokens", "max_input_tokens"} <= kept.keys()


def test_another_model_is_drift_and_another_price_is_none() -> None:
    """A lock is for who was asked when it was reviewed; a table of prices is not ours to pin."""
    here = world()
    assert here.environment.compose is not None
    settings = here.environment.compose.model_copy(update={"model": "claude-haiku-5-5"})
    environment = here.environment.model_copy(update={"compose": settings})
    other = replace(
        here,
        environment=environment,
        tools={**here.tools, COMPOSE: offered(settings)},
    )
    assert ["tool: `Compose` has changed"] == [one.problem for one in drift(frozen(), other)]
    (told_of,) = drift(frozen(), other, here.contents.look)
    assert "claude-haiku-5-5" in told_of.problem
    gone = world("plain")
    assert "tool: `Compose` is gone" in [one.problem for one in drift(frozen(), gone)]

    dearer = here.tools[COMPOSE].model_copy(update={"rates": Rates(input=10**9)})
    priced = replace(here, tools={**here.tools, COMPOSE: dearer})
    assert () == drift(frozen(), priced)
    assert any("`steps.sum.cost`" in one.problem for one in claims(frozen(), priced))


def forged(**fields: Any) -> Body:
    body = frozen()
    steps = (one.model_copy(update=fields) if one.id == "sum" else one for one in body.steps)
    return body.model_copy(update={"steps": Steps(steps)})


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("models", ("claude-haiku-5-5",)),
        ("models", ("claude-opus-5-5", "claude-sonnet-5-5")),
        ("effort", "max"),
        ("prompt", "sha256:" + "0" * 64),
        ("max_tokens", 401),
        ("max_input_tokens", 2_001),
        ("cost", Amount()),
        ("attempts", 4),
        ("provenance", Provenance()),
    ],
)
def test_a_forged_lock_gains_nothing(part: str, value: Any) -> None:
    """A digest does not say who froze: what a lock claims of a step is held against the world."""
    found = [one.problem for one in claims(forged(**{part: value}), world())]
    assert any(f"`steps.sum.{part}`" in problem for problem in found), found


def test_a_forged_lock_cannot_make_a_tool_of_it() -> None:
    """Nor call what it has no digest of."""
    body = frozen(READ)
    step = body.steps["read"].model_copy(update={"tool": COMPOSE, "args": {}})
    made = body.model_copy(update={"steps": Steps([step])})
    assert any("`steps.read.kind`" in one.problem for one in claims(made, world()))

    pins = body.pins.model_copy(update={"tools": {}})
    bare = made.model_copy(update={"pins": pins})
    assert any("`pins.tools.Compose`" in one.problem for one in claims(bare, world()))


def test_an_agent_without_it_is_what_it_was() -> None:
    """Nobody's policy learns a new word for it: vocabulary, pins and digests stay the same."""
    here = port.world()
    assert COMPOSE not in here.tools
    assert COMPOSE not in here.pins.tools
    dumped = here.environment.model_dump(mode="json")
    assert "compose" not in dumped


def test_no_tool_may_be_called_like_it(tmp_path: Path) -> None:
    """Policy would not know which of the two it permits."""
    for name, text in (
        ("agent.toml", 'lockstep = "agent/1"\nname = "a"\nrole = "r"\n'),
        (
            "tools.py",
            "from lockstep import Record, tool\n"
            "class Nothing(Record):\n    pass\n"
            '@tool("Compose", effect="read")\n'
            "def compose(request: Nothing) -> Nothing:\n    return request\n",
        ),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "authorize.cedar").write_text("")
    with pytest.raises(LockstepError) as refused:
        load_package(tmp_path)
    assert "LS-AGENT-002" == refused.value.code
    assert "is called `Compose`" in str(refused.value)


def test_the_plan_as_a_document_survives_a_round() -> None:
    """What was written is what is read again, kind and all."""
    here = plan()
    assert here == Plan.model_validate(here.model_dump(mode="json"))
    assert "compose" == here.steps["sum"].kind
