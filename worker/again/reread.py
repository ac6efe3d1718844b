"""Makes a run's readings of stored values again: they are functions of the values and the lock.

What was kept and gathered then is looked for and put together again, and nothing is written.
"""

from collections.abc import Callable
from typing import Any

from activities.contract.reader import Count, Gather, Gathered, Keep, Weigh, Weighing
from activities.reading import counting, gathering, keeping, weighing
from activities.store import Store
from lockstep.canonical import Digest, digest_bytes
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.value import Value
from worker.records.recorded import READINGS, Recorded, Scheduled, json_of


class _Unwritten:
    """A store that is only read; what would be written must be there already."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, name: Digest) -> bytes:
        return self._store.get(name)

    def put(self, data: bytes) -> Digest:
        name = digest_bytes(data)
        self._store.get(name)
        return name


def reread(steps: list[Recorded], store: Store) -> tuple[int, list[Finding], list[str]]:
    """How many readings were made again, which differ, and why some could not be made."""
    count, findings, notes = 0, [], []
    for scheduled, end in steps:
        if scheduled.activity_type.name not in READINGS or not isinstance(end, Record):
            continue
        if isinstance(end, Finding):
            continue
        try:
            now = _again(scheduled, _Unwritten(store))
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


_AGAIN: dict[str, Callable[[Any, Store], Record]] = {
    "lockstep.weigh": lambda asked, store: weighing(Weigh.model_validate(asked), store),
    "lockstep.keep": lambda asked, store: keeping(Keep.model_validate(asked), store),
    "lockstep.count": lambda asked, store: counting(Count.model_validate(asked), store),
    "lockstep.gather": lambda asked, store: gathering(Gather.model_validate(asked), store),
}


def _again(scheduled: Scheduled, store: Store) -> Record:
    (asked,) = json_of(scheduled.input.payloads)
    return _AGAIN[scheduled.activity_type.name](asked, store)


def _brief(reading: Record) -> str:
    match reading:
        case Weighing(comparisons=made):
            return "; ".join(map(str, made))[:300]
        case Gathered(value=Value(digest=digest)) | Value(digest=digest):
            return f"`{digest[:19]}…`"
        case other:
            return f"`{other}`"
