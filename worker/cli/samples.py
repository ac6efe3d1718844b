"""`lockstep plan --samples N`: how many distinct plans a model gives for one goal.

For whoever wants to know what would happen without a lock. Nothing is locked and nothing is kept:
the samples are in their workflow's history, where `runs show` finds them again.
"""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import typer
from temporalio.client import WorkflowHandle

from lockstep.codes import CODES, Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.samples import MAX_SAMPLES, Cluster
from lockstep.usage import Bill
from worker.cli.bill import cost
from worker.cli.diff import SIGNS, line
from worker.cli.drawing import drawing
from worker.cli.listening import busy, told
from worker.cli.terminal import counted, emit_json, err, is_json, out, safe, say, show_findings
from worker.plans import begin, ended
from worker.records.history import fetch
from worker.records.samples import Samples, samples
from worker.session import Session
from workflows.lock_plan import LockPlan, LockRequest

SamplesOption = Annotated[
    int | None,
    typer.Option(
        "--samples",
        metavar="N",
        min=1,
        max=MAX_SAMPLES,
        help="Lock nothing; have so many first proposals made, and show how they differ.",
    ),
]

_CANCEL_PATIENCE = 10.0
_MOST_SHOWN = 20
"""Differences of each plan; `--format json` has them all."""


async def measured(open_: Session, request: LockRequest, model: str) -> Exit:
    """Have the samples drawn, and show what they come to."""
    handle = await begin(open_.client, request)
    say(f"sampling {handle.id}")
    try:
        with busy(model):
            await told(handle)
        result = await ended(handle)
        history = await fetch(open_.client, handle.id)
    except asyncio.CancelledError:
        await _interrupted(handle)
        raise
    if isinstance(result, Finding):
        raise LockstepError(result)
    found = samples(history)
    if is_json():
        emit_json(as_json(handle.id, request, found, result.findings, result.bill))
    else:
        show_samples(found)
        show_findings(result.findings, out)
        out.print(f"[dim]{safe(cost(result.bill))}; nothing was locked[/dim]")
    return CODES[result.findings[0].code].exit if result.findings else Exit.DONE


async def _interrupted(handle: WorkflowHandle[LockPlan, Any]) -> None:
    """Ctrl-C: nobody is left to read them, so no more samples are paid for, wherever it runs."""
    with suppress(Exception):
        async with asyncio.timeout(_CANCEL_PATIENCE):
            await handle.cancel()
            await handle.result()
    err.print("the sampling was cancelled", markup=False)


def show_samples(found: Samples) -> None:
    """The distinct plans, the most frequent first: that one drawn, of the others what differs."""
    distinct = counted(len(found.clusters), "distinct plan")
    out.print(f"{counted(found.answered, 'sample')} answered: {distinct}")
    for index, cluster in enumerate(found.clusters):
        _show_cluster(index, cluster, found.answered)
    for number, reply in found.planless.items():
        why = f": {reply.findings[0]}" if reply.findings else ""
        out.print(f"[red]no plan[/red]  sample {number}  {reply.status}{safe(why)}")


def _show_cluster(index: int, cluster: Cluster, of: int) -> None:
    count = len(cluster.samples)
    numbers = ", ".join(map(str, cluster.samples))
    state = "[green]passes[/green]" if cluster.passed == count else "[red]rejected[/red]"
    if 0 < cluster.passed < count:
        state = f"[red]{count - cluster.passed} of {count} rejected[/red]"
    codes = f" {', '.join(cluster.codes)}" if cluster.codes else ""
    noun = "sample" if count == 1 else "samples"
    out.print(
        f"[bold]plan {index + 1}[/bold]  {count} of {of} ({share(cluster, of)} %)  "
        f"{state}{codes}  [dim]{noun} {numbers}[/dim]"
    )
    if index == 0:
        _draw(cluster)
    if cluster.passed:
        worst = cluster.checked.worst
        out.print(
            f"  [dim]at most {counted(worst.calls, 'call')}, {counted(worst.tokens, 'token')}, "
            f"${worst.microdollars / 1e6:,.2f} a run[/dim]"
        )
    for change in cluster.differs[:_MOST_SHOWN]:
        out.print(f"  {SIGNS[change.kind]} {safe(line(change))}")
    if len(cluster.differs) > _MOST_SHOWN:
        out.print(f"    {len(cluster.differs) - _MOST_SHOWN:,} more")
    show_findings(cluster.checked.findings, out)


def _draw(cluster: Cluster) -> None:
    with suppress(LockstepError):
        plan = shaped(Plan, cluster.plan, "plan")
        for drawn in drawing(plan.steps, cluster.checked):
            out.print(drawn)


def share(cluster: Cluster, of: int) -> int:
    """Whole percents of all that were answered."""
    return round(100 * len(cluster.samples) / max(of, 1))


def as_json(
    planning: str,
    request: LockRequest,
    found: Samples,
    findings: tuple[Finding, ...],
    bill: Bill,
) -> dict[str, Any]:
    return {
        "status": "sampled" if found.answered else "failed",
        "planning": planning,
        "goal": request.goal,
        "samples": request.samples,
        "answered": found.answered,
        "distinct": len(found.clusters),
        "clusters": [
            {**one.model_dump(mode="json"), "percent": share(one, found.answered)}
            for one in found.clusters
        ],
        "planless": {
            str(number): {
                "status": reply.status,
                "findings": [each.model_dump(mode="json") for each in reply.findings],
            }
            for number, reply in found.planless.items()
        },
        "findings": [each.model_dump(mode="json") for each in findings],
        "bill": bill.model_dump(mode="json"),
    }
