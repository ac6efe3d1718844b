"""The sandbox that workflow code runs in, and what is let through whole.

Let through are the pure core and the contract: immutable, without clock or network, so sharing them
between runs is safe and a new run need not import them again. The workflows themselves are not.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = (
    "lockstep",
    "policies.escalation",
    "activities.contract",
    "rfc8785",
    "pydantic",
    "pydantic_core",
)


def runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )
