"""Policy is told where arguments come from, at plan time and at run time the same."""

import itertools
from typing import Any

import pytest
from pydantic import BaseModel

from lockstep.decision import Outcome, Phase, Principal, Request
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.provenance import Provenance
from lockstep.tool import Tool, tool
from policies.cedar.decider import CedarDecider
from policies.decider import PolicyTexts

ALLOW, DENY, ASK = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL


class Mail(BaseModel):
    recipient: str
    body: str = ""
    ratio: float = 1.0


class Folder(BaseModel):
    folder: str


@tool("SendMail", effect="write")
def send_mail(request: Mail) -> Folder:
    return Folder(folder=request.recipient)


@tool("ReadMail", effect="read", sensitive=True)
def read_mail(request: Folder) -> Mail:
    return Mail(recipient=request.folder)


TOOLS: list[Tool] = [send_mail, read_mail]
HERE = Environment.model_validate(
    {"lockstep": "environment/1", "name": "prod", "stage": "prod", "tools": {}}
)
PERMIT = '@id("all") @reason("for a test") permit(principal, action, resource);'
RECIPIENT = """
@id("mail.recipient") @reason("A stranger does not choose whom we write to") @approvers("owner")
forbid (principal, action == Action::"SendMail", resource)
when { !context.trusted.recipient };
"""
RULE_OF_TWO = """
@id("flow.rule-of-two") @reason("What strangers wrote, private data and an effect meet")
@approvers("owner")
forbid (principal, action, resource)
when {
  (context.flow.untrusted || context.flow.steered) && context.flow.sensitive && context.flow.outward
};
"""
SOURCES = """
@id("mail.not-from-mail") @reason("Mail does not answer mail") @approvers("owner")
forbid (principal, action == Action::"SendMail", resource)
when { context.flow.sources.contains(Tool::"ReadMail") };
"""


def decider(approvals: str, authorize: str = PERMIT) -> CedarDecider:
    specs = {one.name: one.spec for one in TOOLS}
    return CedarDecider.load(PolicyTexts(authorize=authorize, approvals=approvals), specs, HERE)


def asked(known: Provenance, phase: Phase = Phase.RUN, **fields: Any) -> Request:
    given: dict[str, Any] = {"recipient": "ann@example.org", "body": "hi", "ratio": 1.0}
    unknown: tuple[str, ...] = ()
    if phase is Phase.PLAN:
        given, unknown = {"body": "hi", "ratio": 1.0}, ("/recipient",)
    return Request.model_validate(
        {
            "phase": phase,
            "principal": Principal(agent="a", role="r", started_by="ann", trigger="person"),
            "environment": "prod",
            "stage": "prod",
            "step": "s",
            "tool": "SendMail",
            "effect": "write",
            "outward": True,
            "provenance": known,
            "args": given,
            "unknown": unknown,
            **fields,
        }
    )


@pytest.mark.parametrize("phase", Phase)
def test_an_untrusted_argument_is_held_back(phase: Phase) -> None:
    """Already in the plan, when nobody knows yet what the argument will be."""
    policy = decider(RECIPIENT)
    made = policy.decide(asked(Provenance(untrusted=("/recipient/domain",)), phase))
    assert (ASK, ("mail.recipient",)) == (made.outcome, tuple(one.id for one in made.missing))
    assert ("trusted.recipient",) == made.missing[0].reads
    assert ("/recipient/domain",) == made.provenance.untrusted
    assert ALLOW is policy.decide(asked(Provenance(untrusted=("/body",)), phase)).outcome


@pytest.mark.parametrize(
    ("untrusted", "steered", "sensitive", "outward"),
    list(itertools.product([False, True], repeat=4)),
)
def test_three_of_three_never_meet_without_a_human(
    untrusted: bool, steered: bool, sensitive: bool, outward: bool
) -> None:
    """The Rule of Two: any two may meet, and each of the three is needed for a question."""
    known = Provenance(
        untrusted=("/body",) if untrusted else (), steered=steered, sensitive=sensitive
    )
    made = decider(RULE_OF_TWO).decide(asked(known, outward=outward))
    all_three = (untrusted or steered) and sensitive and outward
    assert (ASK if all_three else ALLOW) is made.outcome


@pytest.mark.parametrize("phase", Phase)
def test_a_rule_may_name_the_tools_that_a_call_is_made_of(phase: Phase) -> None:
    """Directly or through others, in the plan and in the run."""
    policy = decider(SOURCES)
    made = policy.decide(asked(Provenance(sources=("ReadMail", "SendMail")), phase))
    assert (ASK, ("flow.sources",)) == (made.outcome, made.missing[0].reads)
    assert ALLOW is policy.decide(asked(Provenance(sources=("SendMail",)), phase)).outcome


def test_a_rule_about_a_source_promises_in_the_plan() -> None:
    """A name of a tool cannot fail to evaluate, so a rule that holds one leaves nothing open."""
    second = """
    @id("mail.more") @reason("for a test") permit(principal, action == Action::"SendMail", resource)
    when { context.args.recipient like "*@a" && context.flow.sources.contains(Tool::"ReadMail") };
    """
    made = decider("", PERMIT + second).decide(asked(Provenance(), Phase.PLAN))
    assert ALLOW is made.outcome


@pytest.mark.parametrize(
    ("condition", "problem", "fix"),
    [
        ("!context.trusted.recipent", "no argument `recipent`", "`recipient`"),
        ("context.trusted has recipent", "an argument `recipent`", "`recipient`"),
        ("context.flow.tainted", "`context.flow.tainted` is not known", "narrow"),
        ("context.flow.steerd", "`context.flow.steerd` is not known", "`steered`"),
        ('context.flow.sources.contains(Tool::"ReadMial")', "no tool `ReadMial`", "`ReadMail`"),
        ('context.flow.sources.contains("ReadMail")', "not compatible", "one type"),
    ],
)
def test_a_misspelt_fact_does_not_load(condition: str, problem: str, fix: str) -> None:
    """A rule that looks at nothing would hold nothing back."""
    rule = RECIPIENT.replace("!context.trusted.recipient", condition)
    with pytest.raises(LockstepError) as caught:
        decider(rule)
    (found,) = caught.value.findings
    assert problem in found.problem, found
    assert fix in found.fix, found


def test_every_argument_has_a_label_also_those_that_cedar_cannot_see() -> None:
    """A fraction cannot be compared by Cedar; whose word it is can."""
    policy = decider(RECIPIENT.replace("recipient }", "ratio }"))
    assert ASK is policy.decide(asked(Provenance(untrusted=("/ratio",)))).outcome


def test_an_argument_that_nobody_declared_throws_doubt_on_all() -> None:
    """A tool's model may read it into whatever it likes."""
    known = Provenance(untrusted=("/to",))
    given = {"recipient": "ann@example.org", "to": "eve@example.org"}
    assert ASK is decider(RECIPIENT).decide(asked(known, args=given)).outcome


def test_a_source_that_is_no_tool_is_denied() -> None:
    """No lock that was made here names one."""
    made = decider(SOURCES).decide(asked(Provenance(sources=("Stranger",))))
    assert (DENY, ("request",)) == (made.outcome, made.errors)


def test_a_denial_by_provenance_beats_an_approval() -> None:
    """What stands in authorize.cedar nobody can say yes to."""
    never = RECIPIENT.replace('@approvers("owner")', "")
    made = decider("", PERMIT + never).decide(asked(Provenance(untrusted=("/recipient",))))
    # The tool may be called, and not with this.
    assert (DENY, False) == (made.outcome, made.disallowed)
    assert "mail.recipient: A stranger does not choose whom we write to" == made.why


def test_a_kind_of_resource_cannot_be_called_a_tool() -> None:
    """`Tool` is what sources are."""
    here = HERE.model_copy(update={"resources": {"tool": {"hammer": {}}}})
    specs = {one.name: one.spec for one in TOOLS}
    with pytest.raises(LockstepError, match="`Tool`"):
        CedarDecider.load(PolicyTexts(authorize=PERMIT), specs, here)
