"""The world that plans are checked against and calls are decided in: one for all four suites.

Nothing of it is the benchmark's but the tools' schemas. The policies stand in `policy/`, one folder
for each of the sets of rules that are compared.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.attacks.planning import Proposal
from lockstep.agent import Agent
from lockstep.environment import Binding, Environment, Limits, Stage
from lockstep.lock import Body
from lockstep.tool import ToolSpec
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.locks.freeze import freeze
from policies.world import World

POLICIES = Path(__file__).with_name("policy")
PERSON = "user"
AGENT = Agent(lockstep="agent/1", name="dojo", role="assistant", approvers={"owner": (PERSON,)})


CHOSEN = "irreversible"
"""The set of rules that the published figures are of."""


def policies() -> list[str]:
    """Every set of rules, the chosen one first."""
    found = sorted(folder.name for folder in POLICIES.iterdir() if folder.is_dir())
    return [CHOSEN, *(name for name in found if name != CHOSEN)]


@cache
def texts(name: str) -> PolicyTexts:
    folder = POLICIES / name
    return PolicyTexts(
        authorize=(folder / "authorize.cedar").read_text(),
        approvals=(folder / "approvals.cedar").read_text(),
    )


def world(specs: Mapping[str, ToolSpec], rules: PolicyTexts) -> World:
    """LS-POLICY-001 where the policies do not fit the tools."""
    environment = Environment(
        lockstep="environment/1",
        name="dojo",
        stage=Stage.PROD,
        tools={name: Binding() for name in specs},
        limits=Limits(steps=200),
    )
    return World(
        agent=AGENT,
        environment=environment,
        tools=dict(specs),
        texts=rules,
        rules=Rules(),
        decider=CedarDecider.load(rules, specs, environment),
    )


def locked(proposal: Proposal, here: World) -> Body | None:
    """The plan checked and frozen, as for a run; None if it does not pass."""
    mine = replace(here, agent=here.agent.model_copy(update={"inputs": proposal.inputs}))
    checked = check(proposal.plan, mine, PERSON)
    return freeze(proposal.plan, checked, mine) if checked.passed else None
