"""What a lock's pins stand for, in full: a file beside the lock, for review and for words.

A digest shows that something is different and never what. So the parts that were pinned are kept,
each held against its digest whenever it is read: a part that was edited is found by no digest, and
there is nothing to trust. The file is no part of the lock. Without it a lock runs, and is refused,
exactly as with it; only what drifted is then told by its name alone.

Texts are lists of lines, so that one changed line is one line in a diff.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

from pydantic import Field, JsonValue

from lockstep.canonical import Digest, canonical, digest_bytes
from lockstep.errors import LockstepError
from lockstep.fallback import is_absent
from lockstep.finding import Finding, Severity
from lockstep.loading import parse_json
from lockstep.lock import Lock, Pins
from lockstep.record import Record

MAX_PART_BYTES = 32 * 1024
"""Of one part. A longer one is a recording that somebody keeps in a file of its own, and nobody
reviews it twice."""

MAX_PROMPT_BYTES = 256 * 1024

Look = Callable[[Digest], bytes | None]
"""Finds what a digest is of; None where nobody kept it."""


def nothing(_: Digest) -> bytes | None:
    """Where nothing was kept."""
    return None


class Contents(Record):
    """Parts by the names they have in a lock's pins. In `policy` a list is the lines of a text, and
    so it is everywhere in `prompt`; `prompt` is there where a model wrote the plan.
    """

    lockstep: Literal["pins/1"] = "pins/1"
    policy: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    tools: dict[str, JsonValue]
    prompt: JsonValue = Field(default=None, exclude_if=is_absent)

    @property
    def pins(self) -> Pins:
        """The digest of each part."""
        return Pins(
            policy={name: digest_bytes(policy_bytes(part)) for name, part in self.policy.items()},
            environment={name: _digest(part) for name, part in self.environment.items()},
            tools={name: _digest(part) for name, part in self.tools.items()},
        )

    def parts(self) -> Iterator[tuple[str, str, bytes]]:
        """Section, name and bytes of each; the bytes are what the digest is of."""
        for name, part in self.policy.items():
            yield "policy", name, policy_bytes(part)
        for name, part in self.environment.items():
            yield "environment", name, canonical(part)
        for name, part in self.tools.items():
            yield "tools", name, canonical(part)
        if self.prompt is not None:
            yield "prompt", "", canonical(joined(self.prompt))

    @property
    def look(self) -> Look:
        """Finds a part by its digest, whatever it is called here."""
        kept = {digest_bytes(data): data for _, _, data in self.parts()}
        return kept.get

    @classmethod
    def found(cls, lock: Lock, look: Look) -> "Contents":
        """What a lock pins, as far as it can be found; parts that are too long are left out."""
        sections: dict[str, dict[str, JsonValue]] = {}
        for (section, name), pin in pinned_by(lock).items():
            data = look(pin)
            if data is None or digest_bytes(data) != pin or len(data) > _most(section):
                continue
            part = _read(section, data)
            if part is not None:
                sections.setdefault(section, {})[name] = part
        return cls(
            policy=sections.get("policy", {}),
            environment=sections.get("environment", {}),
            tools=sections.get("tools", {}),
            prompt=sections.get("prompt", {}).get("", None),
        )

    def misfits(self, lock: Lock) -> Iterator[Finding]:
        """The parts that are not what the lock pins under their names."""
        pinned = pinned_by(lock)
        for section, name, data in self.parts():
            if pinned.get((section, name)) == digest_bytes(data):
                continue
            yield Finding(
                code="LS-LOCK-005",
                place="pins",
                problem=f"`{section}{'.' if name else ''}{name}` is not what the lock pins, and is "
                "passed over",
                fix="write the file anew: `lockstep lock` does",
                severity=Severity.WARNING,
            )


def pinned_by(lock: Lock) -> dict[tuple[str, str], Digest]:
    """Everything that a lock names by digest, its statements included."""
    pins = lock.body.pins
    sections: dict[str, Mapping[str, Digest]] = {
        "policy": pins.policy,
        "environment": pins.environment,
        "tools": pins.tools,
    }
    found = {
        (section, name): pin for section, parts in sections.items() for name, pin in parts.items()
    }
    return found | ({("prompt", ""): lock.planner.prompt} if lock.planner is not None else {})


def lines(text: str) -> list[JsonValue]:
    """A text as its lines, each with its end."""
    return [*text.splitlines(keepends=True)]


def in_lines(value: JsonValue) -> JsonValue:
    """The value with each text in it as its lines; `joined` gives it back."""
    match value:
        case str():
            return lines(value)
        case list():
            return [in_lines(inner) for inner in value]
        case dict():
            return {key: in_lines(inner) for key, inner in value.items()}
        case _:
            return value


def joined(value: JsonValue) -> JsonValue:
    """The value that `in_lines` was given, where each list in it is of texts or of lists."""
    match value:
        case list() if all(isinstance(inner, str) for inner in value):
            return "".join(str(inner) for inner in value)
        case list():
            return [joined(inner) for inner in value]
        case dict():
            return {key: joined(inner) for key, inner in value.items()}
        case _:
            return value


def policy_bytes(part: JsonValue) -> bytes:
    """What the digest of a part of policy is of: the text's bytes, or the value's."""
    if isinstance(part, list):
        return "".join(map(str, part)).encode()
    return canonical(part)


def _most(section: str) -> int:
    return MAX_PROMPT_BYTES if section == "prompt" else MAX_PART_BYTES


def _read(section: str, data: bytes) -> JsonValue:
    """The part that these bytes are of; None where they are of none."""
    try:
        value: JsonValue = parse_json(data, section, canonical=True)
    except LockstepError:
        value = None
    if section == "policy" and not isinstance(value, dict):
        with suppress(UnicodeDecodeError):
            return lines(data.decode())
        return None
    return in_lines(value) if section == "prompt" else value


def _digest(part: JsonValue) -> Digest:
    return digest_bytes(canonical(part))
