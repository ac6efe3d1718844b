"""Looks into a run's history and says all that speaks against it; makes and checks bundles of it.

The history is sent through the workflow code once more, which gives the events and holds every
activity and the result against what the code asks for. What then follows from the events, the
locks and what was sent out is asked by `policies/audits/audit.py`. Neither needs a server, an
agent's code or the network.
"""

import json
from collections.abc import Iterator

from pydantic import JsonValue

from activities.store import Store, peek
from lockstep.audited import Audited
from lockstep.bundle import (
    ABOUT,
    EVENTS,
    HISTORY,
    MAX_LOCKS,
    MAX_VALUE_BYTES,
    VALUES,
    About,
    limit_of,
    lock_file,
    pins_file,
    value_file,
)
from lockstep.canonical import Digest, digest_bytes
from lockstep.contents import Contents, Look, pinned_by
from lockstep.errors import LockstepError
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.loading import parse_json, shaped
from lockstep.lock import Lock
from policies.audits.audit import held
from policies.audits.trail import Trail, wrong
from worker.again.replay import compared
from worker.audits.audited import audited
from worker.audits.bundle import Bundle, BundleStore
from worker.audits.evidence import CODE, Evidence, end_kept, head_kept
from worker.records.ending import ending, result_of
from worker.records.history import first_line
from worker.records.saved import parsed, written_down


def examined(
    past: Evidence,
    store: Store,
    look: Look,
    *,
    head: Digest | None = None,
    absent: frozenset[Digest] = frozenset(),
    also: tuple[Finding, ...] = (),
) -> Audited:
    """All that can be said of a run; `also` are findings that came before. `absent` are values that
    are known not to be in the store; `head` is one that was kept elsewhere.
    """
    again = compared(past.history, past.replayed, store, None, absent)
    asked = held(past.trail)
    findings = (*also, *head_kept(past, head), *end_kept(past), *again.findings, *asked.findings)
    gone = tuple(value.digest for value in past.trail.values if value.digest in absent)
    notes = [
        *(note for note in again.notes if not note.startswith("decisions were not made again")),
        *asked.notes,
        *_unpinned(past.trail.locks, look),
    ]
    if gone:
        notes.append(f"{len(gone)} values are known by their digests alone")
    if result_of(past.history) is None:
        notes.append(
            f"the run was {ending(past.history)} and returned nothing: no head but the one that "
            "follows from its history"
        )
    told = audited(past.history, past.trail, store, look)
    return told.model_copy(
        update={
            "outputs": again.outputs,
            "findings": findings,
            "notes": tuple(dict.fromkeys(notes)),
            "head_kept": None if head is None else head == past.head,
        }
    )


def _unpinned(locks: tuple[Lock, ...], look: Look) -> Iterator[str]:
    lost = {
        f"{section}.{name}".removesuffix(".")
        for lock in locks
        for (section, name), pin in pinned_by(lock).items()
        if look(pin) is None
    }
    if lost:
        some = ", ".join(sorted(lost)[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        yield f"known by its digest alone, of what the lock pins: {some}{more}"


def bundled(
    past: Evidence, store: Store, look: Look, *, values: bool
) -> Iterator[tuple[str, bytes]]:
    """The files of a run's bundle; LS-REPLAY-001 where this code cannot follow its history."""
    run, trail = past.history.workflow_id, past.trail
    if past.replayed.failure is not None or past.head is None or len(trail.locks) > MAX_LOCKS:
        why = first_line(past.replayed.failure) if past.replayed.failure else "it has no events"
        raise LockstepError.of(
            "LS-REPLAY-001",
            f"run `{run}`",
            f"its events cannot be told: {why}",
            "export it with the version that ran it (the build is in the `run.verified` event)",
        )
    absent: set[Digest] = set()
    yield HISTORY, written_down(past.history)
    yield EVENTS, _lines(trail.events)
    kept: set[Digest] = set()
    for number, lock in enumerate(trail.locks, start=1):
        yield lock_file(number), _document(lock.model_dump(mode="json"))
        contents = Contents.found(lock, look)
        yield pins_file(number), _document(contents.model_dump(mode="json"))
        told = {digest_bytes(data) for _, _, data in contents.parts()}
        for pin in sorted({*pinned_by(lock).values()} - told - kept):
            # A part that is too long to be told line by line is kept as it is.
            data = look(pin)
            if data is None or digest_bytes(data) != pin or len(data) > MAX_VALUE_BYTES:
                absent.add(pin)
            else:
                kept.add(pin)
                yield value_file(pin), data
    for value in trail.values:
        data = peek(store, value.digest) if values else None
        if value.digest in kept:
            continue
        if data is None or len(data) > MAX_VALUE_BYTES:
            absent.add(value.digest)
        else:
            yield value_file(value.digest), data
    about = About(
        run=run,
        events=len(trail.events),
        head=past.head,
        locks=tuple(lock.digest for lock in trail.locks),
        values="kept" if values else "left out",
        absent=tuple(sorted(absent)),
    )
    yield ABOUT, _document(about.model_dump(mode="json"))


async def verified(bundle: Bundle, head: Digest | None = None) -> Audited:
    """A bundle held against itself. LS-AUDIT-001 where there is no history in it to look into."""
    wrongs = [*bundle.misfits()]
    data, history = bundle.get(ABOUT), bundle.get(HISTORY)
    if data is None or history is None:
        raise LockstepError(*wrongs)
    about = shaped(About, parse_json(data, ABOUT, limit_of(ABOUT)), ABOUT)
    document = parse_json(history, HISTORY, len(history), canonical=True)
    if not isinstance(document, dict):
        raise LockstepError(wrong(CODE, HISTORY, "is no history"))
    past = await Evidence.of(parsed(document, HISTORY))
    if written_down(past.history) != history:
        # What is in the file and is not read, nobody holds against anything.
        wrongs.append(wrong(CODE, HISTORY, "has more in it than is read, or is written otherwise"))
    store = BundleStore(bundle)
    pins = tuple(_pins(bundle, past.trail.locks, wrongs))
    wrongs += _apart(bundle, about, past)

    def look(name: Digest) -> bytes | None:
        found = (one.look(name) for one in pins)
        return next((one for one in found if one is not None), None) or peek(store, name)

    return examined(
        past, store, look, head=head, absent=frozenset(about.absent), also=tuple(wrongs)
    )


def _pins(bundle: Bundle, locks: tuple[Lock, ...], wrongs: list[Finding]) -> Iterator[Contents]:
    """What is kept of each lock's pins; what is not what the lock pins is told and not believed."""
    for number, lock in enumerate(locks, start=1):
        name = pins_file(number)
        data = bundle.get(name)
        if data is None:
            wrongs.append(wrong(CODE, name, "is not there"))
            continue
        try:
            contents = shaped(
                Contents, parse_json(data, name, limit_of(name), canonical=True), name
            )
            misfits = [*contents.misfits(lock)]
        except (LockstepError, ValueError) as error:
            wrongs.append(wrong(CODE, name, f"cannot be read: {first_line(error)}"))
            continue
        wrongs += (wrong(CODE, name, one.problem) for one in misfits)
        yield contents


def _apart(bundle: Bundle, about: About, past: Evidence) -> Iterator[Finding]:
    """Where the bundle's other files are not what the history gives."""
    trail = past.trail
    said = (about.run, about.events, about.head, about.locks)
    locks = tuple(lock.digest for lock in trail.locks)
    if said != (past.history.workflow_id, len(trail.events), past.head, locks):
        yield wrong(CODE, ABOUT, "is about another run, or another end, than the history")
    for number, lock in enumerate(trail.locks, start=1):
        if bundle.get(lock_file(number)) != _document(lock.model_dump(mode="json")):
            yield wrong(CODE, lock_file(number), "is not the lock that the run went by")
    yield from _values(bundle, about, trail)
    told = (bundle.get(EVENTS) or b"").splitlines(keepends=True)
    for number, event in enumerate(trail.events, start=1):
        if number > len(told) or told[number - 1] != _lines((event,)):
            yield wrong(CODE, f"{EVENTS} line {number}", "is not what the history gives")
            return
    if len(told) > len(trail.events):
        yield wrong(CODE, f"{EVENTS} line {len(trail.events) + 1}", "follows from nothing")


def _values(bundle: Bundle, about: About, trail: Trail) -> Iterator[Finding]:
    """Where the values are not those that the run names, but for what is said to be absent."""
    named = {value_file(value.digest) for value in trail.values}
    pinned = {value_file(pin) for lock in trail.locks for pin in pinned_by(lock).values()}
    absent = {value_file(name) for name in about.absent}
    there = {name for name in bundle.sums if name.startswith(f"{VALUES}/")}
    for name in sorted(named - there - absent):
        yield wrong(CODE, name, "is not there, and is not said to be absent")
    for name in sorted(there - named - pinned):
        yield wrong(CODE, name, "is a value that nothing in the run names")
    for name in sorted(absent & there):
        yield wrong(CODE, ABOUT, f"says that `{name}` is absent, and it is there")
    for name in sorted(absent - named - pinned):
        yield wrong(CODE, ABOUT, f"says that `{name}` is absent, and nothing in the run names it")
    if about.values == "left out" and there & named - pinned:
        yield wrong(CODE, ABOUT, "says that values were left out, and they are there")


def _lines(events: tuple[Event, ...]) -> bytes:
    return "".join(json.dumps(event.line) + "\n" for event in events).encode()


def _document(value: JsonValue) -> bytes:
    """In ASCII, so that nothing in it looks like something else to whoever reads it."""
    return (json.dumps(value, indent=2) + "\n").encode()
