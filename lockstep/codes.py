"""Every code Lockstep can print, what it means, and how the process exits.

A code never changes its meaning and is never used again for another one: people search for it,
script on it, and find it in last year's logs.
"""

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """What the shell sees."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    REJECTED = 3
    PAUSED = 4


@dataclass(frozen=True)
class Code:
    """A stable name for one kind of trouble."""

    title: str
    exit: Exit


CODES: dict[str, Code] = {
    # what enters
    "LS-LOAD-001": Code("a file cannot be read", Exit.USAGE),
    "LS-LOAD-002": Code("a document is not well-formed", Exit.REJECTED),
    "LS-LOAD-003": Code("a document is too large", Exit.REJECTED),
    "LS-LOAD-004": Code("a document is nested too deeply", Exit.REJECTED),
    "LS-LOAD-005": Code("a key stands twice in one object", Exit.REJECTED),
    "LS-LOAD-006": Code("a number has no exact meaning in JSON", Exit.REJECTED),
    "LS-LOAD-007": Code("a document does not have the declared shape", Exit.REJECTED),
    # the agent package
    "LS-AGENT-001": Code("no agent package is found", Exit.USAGE),
    "LS-AGENT-002": Code("the agent's tools cannot be loaded", Exit.ERROR),
    "LS-AGENT-003": Code("the agent package contradicts itself", Exit.REJECTED),
    "LS-AGENT-004": Code("a declared tool's schema cannot be decided", Exit.REJECTED),
    # the plan
    "LS-PLAN-001": Code("the plan has no steps", Exit.REJECTED),
    "LS-PLAN-002": Code("two steps have one id", Exit.REJECTED),
    "LS-PLAN-003": Code("the steps form a cycle", Exit.REJECTED),
    "LS-PLAN-004": Code("a step names a tool that does not exist", Exit.REJECTED),
    "LS-PLAN-005": Code("a step needs a step that does not exist", Exit.REJECTED),
    "LS-PLAN-006": Code("an argument is missing", Exit.REJECTED),
    "LS-PLAN-007": Code("an argument is unknown", Exit.REJECTED),
    "LS-PLAN-008": Code("an argument does not fit its schema", Exit.REJECTED),
    "LS-PLAN-009": Code("a reference names a field its producer does not have", Exit.REJECTED),
    "LS-PLAN-010": Code("a reference brings a value of the wrong type", Exit.REJECTED),
    "LS-PLAN-011": Code("a reference is malformed", Exit.REJECTED),
    "LS-PLAN-012": Code("the plan does not fit its limits", Exit.REJECTED),
    "LS-PLAN-013": Code("a run's inputs do not fit the agent's declaration", Exit.REJECTED),
    "LS-PLAN-014": Code("planning has used up its re-plans", Exit.REJECTED),
    "LS-PLAN-015": Code("a guard compares what cannot be compared", Exit.REJECTED),
    "LS-PLAN-016": Code("a fallback cannot stand in for its step", Exit.REJECTED),
    "LS-PLAN-017": Code("a loop has no list to go through", Exit.REJECTED),
    "LS-PLAN-018": Code("nobody provides for an error that a tool may signal", Exit.REJECTED),
    "LS-PLAN-019": Code("a new rest does not go with what is over", Exit.REJECTED),
    # rules over the graph
    "LS-RULE-001": Code("steps stand in a forbidden order", Exit.REJECTED),
    "LS-RULE-002": Code("a mandatory step is missing", Exit.REJECTED),
    "LS-RULE-003": Code("a plan rule cannot be evaluated", Exit.REJECTED),
    "LS-RULE-004": Code("calls stand together that must not", Exit.REJECTED),
    "LS-RULE-005": Code("a plan has more of a tool than it may", Exit.REJECTED),
    "LS-RULE-006": Code("a rule of the agent's own is broken", Exit.REJECTED),
    "LS-RULE-010": Code("what one tool gave reaches another that must not have it", Exit.REJECTED),
    # policy
    "LS-POLICY-001": Code("a policy file cannot be loaded", Exit.REJECTED),
    "LS-POLICY-002": Code("policy denies the step", Exit.REJECTED),
    "LS-POLICY-003": Code("policy could not be evaluated, and so denies", Exit.REJECTED),
    "LS-POLICY-004": Code("a policy case is not answered as expected", Exit.REJECTED),
    "LS-POLICY-005": Code("no policy case reaches a rule", Exit.REJECTED),
    "LS-POLICY-006": Code("a plan as a whole was not approved", Exit.REJECTED),
    "LS-POLICY-007": Code("policy speaks of what nobody has", Exit.REJECTED),
    # the environment
    "LS-ENV-001": Code("the environment does not exist", Exit.USAGE),
    "LS-ENV-002": Code("a tool is not in the environment", Exit.REJECTED),
    "LS-ENV-003": Code("a resource is not in the environment", Exit.REJECTED),
    "LS-ENV-004": Code("a placeholder of the manifest has no value", Exit.ERROR),
    "LS-ENV-005": Code("a mock stands where calls are real", Exit.REJECTED),
    "LS-ENV-006": Code("a catalogue is not pinned", Exit.REJECTED),
    "LS-ENV-007": Code("a catalogue cannot be fetched", Exit.ERROR),
    "LS-ENV-008": Code("a manifest cannot inherit what it does", Exit.REJECTED),
    "LS-ENV-009": Code("a tool has no code here", Exit.REJECTED),
    "LS-ENV-010": Code("a preflight cannot be made", Exit.REJECTED),
    # MCP servers
    "LS-MCP-001": Code("the package that talks to MCP servers is not installed", Exit.ERROR),
    "LS-MCP-002": Code("a tool of an MCP server cannot be used", Exit.REJECTED),
    "LS-MCP-003": Code("the tools of an MCP server are not pinned", Exit.REJECTED),
    "LS-MCP-004": Code("an MCP server does not answer as it should", Exit.ERROR),
    "LS-MCP-005": Code("a tool of an MCP server is not what was pinned", Exit.REJECTED),
    # the lock
    "LS-LOCK-001": Code("a lock does not match its digest", Exit.REJECTED),
    "LS-LOCK-002": Code("the present has drifted from the lock", Exit.REJECTED),
    "LS-LOCK-003": Code("a lock is too large for one run", Exit.REJECTED),
    "LS-LOCK-004": Code("a run or a planning has no lock", Exit.USAGE),
    "LS-LOCK-005": Code("what is kept beside a lock is not what it pins", Exit.REJECTED),
    # the run
    "LS-RUN-002": Code("a run was stopped by a human", Exit.ERROR),
    "LS-RUN-003": Code("nobody answered in time", Exit.ERROR),
    "LS-RUN-004": Code("the budget is spent", Exit.ERROR),
    "LS-RUN-005": Code("the run does not exist", Exit.USAGE),
    "LS-RUN-006": Code("a request to start a run is malformed", Exit.REJECTED),
    "LS-RUN-008": Code("a run was cancelled or terminated", Exit.ERROR),
    "LS-RUN-009": Code("the environment is not as its manifest expects", Exit.REJECTED),
    # a fork
    "LS-FORK-001": Code("a run cannot be gone on with so", Exit.REJECTED),
    "LS-FORK-002": Code("what is to be carried cannot be proved", Exit.REJECTED),
    "LS-FORK-003": Code("a fork would call again what may have had an effect", Exit.REJECTED),
    "LS-FORK-004": Code("a step was done by a lock that says otherwise", Exit.REJECTED),
    "LS-FORK-005": Code("answers of mocks would be carried into a real run", Exit.REJECTED),
    # a step
    "LS-STEP-001": Code("a tool's output does not fit its schema", Exit.ERROR),
    "LS-STEP-002": Code("a tool's output is too large", Exit.ERROR),
    "LS-STEP-003": Code("a tool signalled a declared error", Exit.ERROR),
    "LS-STEP-004": Code("a tool failed", Exit.ERROR),
    "LS-STEP-005": Code("a step ran out of time", Exit.ERROR),
    "LS-STEP-007": Code("a stored value is missing or damaged", Exit.ERROR),
    "LS-STEP-008": Code("a mock has no answer to these arguments", Exit.ERROR),
    "LS-STEP-009": Code("a loop's list cannot be gone through", Exit.ERROR),
    # the model that plans
    "LS-MODEL-001": Code("no key for the model is set", Exit.USAGE),
    "LS-MODEL-002": Code("the model's provider does not accept the key", Exit.ERROR),
    "LS-MODEL-003": Code("the model's provider wants to be paid first", Exit.ERROR),
    "LS-MODEL-004": Code("the model's provider does not accept the request", Exit.ERROR),
    "LS-MODEL-005": Code("the model's provider is busy", Exit.ERROR),
    "LS-MODEL-006": Code("the model's provider does not answer as it should", Exit.ERROR),
    "LS-MODEL-007": Code("the model refused", Exit.REJECTED),
    "LS-MODEL-008": Code("the model's answer is not a proposal", Exit.REJECTED),
    "LS-MODEL-009": Code("the budget for planning is spent", Exit.REJECTED),
    "LS-MODEL-010": Code("the model was retired by its provider", Exit.ERROR),
    "LS-MODEL-011": Code("the provider cannot be used", Exit.ERROR),
    # escalations
    "LS-ASK-001": Code("the question does not exist or is answered", Exit.REJECTED),
    "LS-ASK-002": Code("this answer is not offered", Exit.REJECTED),
    "LS-ASK-003": Code("this person may not answer", Exit.REJECTED),
    "LS-ASK-004": Code("the answer is about other arguments", Exit.REJECTED),
    "LS-ASK-005": Code("an answer is malformed", Exit.REJECTED),
    "LS-ASK-006": Code("too many answers were offered", Exit.REJECTED),
    "LS-ASK-007": Code("a yes may not stand for so long", Exit.REJECTED),
    "LS-ASK-008": Code("the standing grant does not exist", Exit.USAGE),
    # schedules
    "LS-SCHED-001": Code("the schedule does not exist", Exit.USAGE),
    "LS-SCHED-002": Code("the schedule exists already", Exit.USAGE),
    "LS-SCHED-003": Code("the schedule's time cannot be read", Exit.USAGE),
    # replay
    "LS-REPLAY-001": Code("the history does not replay", Exit.REJECTED),
    "LS-REPLAY-002": Code("an activity's arguments or options differ", Exit.REJECTED),
    "LS-REPLAY-003": Code("a decision differs", Exit.REJECTED),
    "LS-REPLAY-004": Code("the result differs", Exit.REJECTED),
    "LS-REPLAY-005": Code("a stored output is missing or damaged", Exit.REJECTED),
    # audits
    "LS-AUDIT-001": Code("an audit bundle is not what its sums say", Exit.REJECTED),
    "LS-AUDIT-002": Code("a bundle says something else than its history gives", Exit.REJECTED),
    "LS-AUDIT-003": Code("a call was made that no decision allowed", Exit.REJECTED),
    "LS-AUDIT-004": Code("an approval was used that does not hold", Exit.REJECTED),
    "LS-AUDIT-005": Code("an answer is not one that could be given", Exit.REJECTED),
    "LS-AUDIT-006": Code("a run did something else than its lock says", Exit.REJECTED),
    "LS-AUDIT-007": Code("a run went beyond its limits", Exit.REJECTED),
    "LS-AUDIT-008": Code("something stands where a bundle is to be written", Exit.USAGE),
    "LS-AUDIT-009": Code("there is nothing to audit yet", Exit.USAGE),
    "LS-AUDIT-010": Code("the head is another one than was kept elsewhere", Exit.REJECTED),
    # back-tests
    "LS-BACK-001": Code("there is nothing that policy could be asked again", Exit.ERROR),
    "LS-BACK-002": Code("a question cannot be put to policy again", Exit.ERROR),
    # servers and processes
    "LS-SRV-001": Code("no Temporal server answers", Exit.ERROR),
    "LS-SRV-002": Code("the embedded server is not installed", Exit.ERROR),
    "LS-SRV-003": Code("the effect must outlive the command", Exit.ERROR),
    "LS-SRV-004": Code("another process holds the embedded server", Exit.ERROR),
    "LS-SRV-005": Code("no worker serves this agent and environment", Exit.ERROR),
    "LS-SRV-006": Code("a child process does not stay up", Exit.ERROR),
    "LS-SRV-007": Code("the disk is full or cannot be written", Exit.ERROR),
    "LS-SRV-008": Code("another distribution claims one of our import names", Exit.ERROR),
    "LS-SRV-009": Code("a port cannot be had", Exit.ERROR),
    # the command line
    "LS-CLI-001": Code("the command was not understood", Exit.USAGE),
    "LS-CLI-002": Code("something unforeseen happened", Exit.ERROR),
}
