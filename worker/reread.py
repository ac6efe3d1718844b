"""Makes a run's readings of stored values again: they are functions of the values and the lock."""

from typing import Any

from activities.contract import Weigh, Weighing
from activities.reading import weighing
from activities.store import Store
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from worker.recorded import Recorded, Scheduled, json_of


def reread(steps: list[Recorded], store: Store) -> tuple[int, list[Finding], list[str]]:
    """How many readings were made again, which differ, and why some could not be made."""
    count, findings, notes = 0, [], []
    for scheduled, end in steps:
        if not isinstance(end, Weighing):
            continue
        try:
            now = _again(scheduled, end, store)
        except (LockstepError, ValueError, LookupError) as error:
            notes.append(f"`{scheduled.activity_id}`: not read again: {error}")
            continue
        count += 1
        if now != end:
            findings.append(
                Finding(
                    code="LS-REPLAY-003",
                    place=f"`{scheduled.activity_id}`",
                    problem=f"was {_brief(end)}, is {_brief(now)}",
                    fix="compare the stored outputs, and the versions that read them",
                )
            )
    return count, findings, notes


def _again(scheduled: Scheduled, end: Any, store: Store) -> Any:
    (asked,) = json_of(scheduled.input.payloads)
    return weighing(Weigh.model_validate(asked), store)


def _brief(reading: Weighing) -> str:
    return "; ".join(map(str, reading.comparisons))[:300]
