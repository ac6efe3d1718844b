"""The form of an audit bundle: a folder with everything that is left of one run.

A folder and no archive: each part is read with the tools that are there, `sha256sum -c SHA256SUMS`
holds all of them against their digests, and `ssh-keygen -Y sign` signs that one file. Nothing can
unpack to more than it is, and since names are of a closed set none leads out of the folder.

Nothing in it says who wrote it or when: the same run gives the same bytes, whoever exports it.
"""

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from lockstep.canonical import Digest
from lockstep.errors import LockstepError
from lockstep.record import Record

SUMS = "SHA256SUMS"
"""A line for each other file: its SHA-256 in hexadecimal, two spaces, its name."""
SIGNATURE = "SHA256SUMS.sig"
"""May stand beside it: what `ssh-keygen -Y sign` writes."""
ABOUT = "audit.json"
HISTORY = "history.json"
EVENTS = "events.jsonl"
VALUES = "values"

MAX_HISTORY_BYTES = 64 * 1024 * 1024
"""Of a history as JSON. A server ends a run whose history has 50 MB."""
MAX_VALUE_BYTES = 64 * 1024 * 1024
"""What `limits.output_bytes` may be at most; a loop's list is bounded by it as well."""
MAX_SUMS_BYTES = 4 * 1024 * 1024
MAX_LOCKS = 20

_LINE = re.compile(r"([0-9a-f]{64})  ([!-~]{1,200})")
_NAME = re.compile(
    r"audit\.json|history\.json|events\.jsonl"
    r"|(lock|pins)(-([2-9]|1[0-9]|20))?\.json"
    r"|values/[0-9a-f]{64}"
)


class About(Record):
    """What the bundle is of. `head` is the digest of event number `events`; `locks` are those that
    the run went by, in their order. `absent` are values and pinned parts that the run names and
    that were not there any more, or were to be left out.
    """

    lockstep: Literal["audit/1"] = "audit/1"
    run: str = Field(max_length=1000)
    events: int = Field(ge=0)
    head: Digest
    locks: tuple[Digest, ...] = Field(max_length=MAX_LOCKS)
    values: Literal["kept", "left out"]
    absent: tuple[Digest, ...] = ()


def lock_file(number: int) -> str:
    """The name of the run's `number`th lock, from 1."""
    return "lock.json" if number == 1 else f"lock-{number}.json"


def pins_file(number: int) -> str:
    """The name of what that lock pins, in full."""
    return "pins.json" if number == 1 else f"pins-{number}.json"


def value_file(name: Digest) -> str:
    return f"{VALUES}/{name.removeprefix('sha256:')}"


def limit_of(name: str) -> int:
    """The most bytes that a file of this name may have."""
    if name.startswith(f"{VALUES}/"):
        return MAX_VALUE_BYTES
    # Events say again what the history says.
    return MAX_HISTORY_BYTES if name in (HISTORY, EVENTS) else 8 * 1024 * 1024


def write_sums(sums: Mapping[str, Digest]) -> str:
    """In the order of the names, as `sha256sum` writes and reads it."""
    lines = (f"{digest.removeprefix('sha256:')}  {name}\n" for name, digest in sorted(sums.items()))
    return "".join(lines)


def read_sums(text: str) -> dict[str, Digest]:
    """File name -> digest; LS-AUDIT-001 for what no export writes."""
    sums: dict[str, Digest] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None or _NAME.fullmatch(found[2]) is None or found[2] in sums:
            raise LockstepError.of(
                "LS-AUDIT-001",
                f"{SUMS} line {number}",
                f"`{line[:100]}` names no file that a bundle has, or one twice",
                "export the run again, or ask for the bundle again",
            )
        sums[found[2]] = Digest(f"sha256:{found[1]}")
    if write_sums(sums) != text:
        raise LockstepError.of(
            "LS-AUDIT-001", SUMS, "is not sorted as it is written", "export the run again"
        )
    missing = sorted({ABOUT, HISTORY, EVENTS} - sums.keys())
    if missing:
        raise LockstepError.of(
            "LS-AUDIT-001", SUMS, f"does not name `{missing[0]}`", "export the run again"
        )
    return sums
