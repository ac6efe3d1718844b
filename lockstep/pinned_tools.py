"""The tools of an MCP server as they were pinned: what a server said of them on one day.

A server can say something else tomorrow, to another client, or to the same one a minute later. So
plans are checked against a file that is committed and reviewed, and a call is made only while the
server still says, word for word, what the file says of that tool.

Everything a server says is a stranger's. Its schemas have to be ones that can be decided, its names
ones that nothing mistakes for anything else; its hints can make a tool count as more harmful than
the manifest has it, and never as less.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StrictBool, StringConstraints, model_validator

from lockstep.admissible import inadmissible
from lockstep.canonical import Digest, ExactObject, digest
from lockstep.difference import Change, changes
from lockstep.finding import Finding
from lockstep.mcp import ForeignName, McpBinding, ServerName
from lockstep.record import Record
from lockstep.tool import Effect, Idempotency, ToolSpec

MAX_TOOLS = 1000
MAX_DESCRIPTION = 8 * 1024
"""Characters. What is longer is not shortened, since nobody would know what was left out."""

_HARM = {Effect.READ: 0, Effect.WRITE: 1, Effect.DESTRUCTIVE: 2}

ENVELOPE: dict[str, JsonValue] = {
    "type": "object",
    "description": "What a tool that declares no output gives: its text, and its blocks in order.",
    "properties": {
        "text": {"type": "string", "description": "all text blocks, one a line"},
        "content": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {
                        "type": "string",
                        "enum": ["text", "image", "audio", "resource", "resource_link"],
                    },
                    "text": {"type": "string"},
                    "data": {"type": "string", "description": "in base64"},
                    "mimeType": {"type": "string"},
                    "uri": {"type": "string"},
                    "name": {"type": "string"},
                },
                "required": ["type"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["text", "content"],
    "additionalProperties": False,
}
"""The output of a tool for which its server declares none."""


class Hints(Record):
    """What a server hints of a call's effect; what it leaves out it does not hint."""

    readOnlyHint: StrictBool | None = None
    destructiveHint: StrictBool | None = None
    idempotentHint: StrictBool | None = None
    openWorldHint: StrictBool | None = None

    @property
    def effect(self) -> Effect:
        """The least harm that a call does by these hints."""
        if self.readOnlyHint is True:
            return Effect.READ
        if self.destructiveHint is True:
            return Effect.DESTRUCTIVE
        return Effect.WRITE if self.readOnlyHint is False else Effect.READ

    @property
    def shown(self) -> str:
        """A few words for whoever writes the manifest."""
        if self.readOnlyHint is None and self.destructiveHint is None:
            return "hints nothing"
        again = self.effect is not Effect.READ and self.idempotentHint is True
        return f"hints `{self.effect}`" + (", `idempotent`" if again else "")


class PinnedTool(Record):
    """One tool, in the server's words."""

    name: ForeignName
    title: Annotated[str, StringConstraints(max_length=1000)] = ""
    description: str = ""
    input: ExactObject
    output: ExactObject | None = None
    hints: Hints = Hints()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From a server's own list; ValueError for what is no tool. What is not read, its icons
        and its `_meta`, is not pinned either.
        """
        hints = said.get("annotations")
        told = hints if isinstance(hints, dict) else {}
        return cls.model_validate(
            {
                "name": said.get("name"),
                "title": said.get("title") or "",
                "description": said.get("description") or "",
                "input": said.get("inputSchema"),
                "output": said.get("outputSchema"),
                "hints": {name: told.get(name) for name in Hints.model_fields},
            }
        )

    @property
    def written(self) -> dict[str, JsonValue]:
        """As it stands in the file, without what the server left out."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude_defaults=True)
        return dumped

    def changed(self, now: "PinnedTool") -> tuple[Change, ...]:
        """What the server says otherwise by now, field by field."""
        return tuple(changes(self.model_dump(mode="json"), now.model_dump(mode="json")))


class PinnedTools(Record):
    """All tools of one server, as the file beside the manifest holds them."""

    lockstep: Literal["mcp/1"]
    server: ServerName
    tools: Annotated[tuple[PinnedTool, ...], Field(max_length=MAX_TOOLS)]

    @model_validator(mode="after")
    def _are_told_apart(self) -> Self:
        names = [tool.name for tool in self.tools]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"tool `{twice[0]}` stands twice")
        return self

    @property
    def by_name(self) -> dict[str, PinnedTool]:
        return {tool.name: tool for tool in self.tools}

    @property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))


def spec_of(name: str, binding: McpBinding, pinned: PinnedTool) -> ToolSpec:
    """What plans are checked against and locks pin of a server's tool; ValueError where `emits`
    labels what its output does not have.

    Arguments that its schema does not name are refused, unless it says that they are welcome: what
    policy is not told of is not passed on.
    """
    tries = 1 if binding.kind is Idempotency.NONE else 3
    return ToolSpec(
        name=name,
        description=pinned.description,
        effect=binding.effect,
        idempotency=binding.kind,
        input={"additionalProperties": False, **pinned.input},
        output=ENVELOPE if pinned.output is None else pinned.output,
        timeout=binding.timeout,
        heartbeat=binding.heartbeat,
        attempts=binding.attempts or tries,
        signals=tuple(sorted(binding.signals)),
        emits=binding.emits,
        sensitive=binding.sensitive,
        outward=binding.outward,
    )


def refusals(binding: McpBinding, pinned: PinnedTool, place: str) -> Iterator[Finding]:
    """Why a pinned tool cannot be used as the manifest has it; `place` is of its table there."""
    size = len(pinned.description)
    if size > MAX_DESCRIPTION:
        yield _refusal(
            place,
            f"`{pinned.name}` is described in {size:,} characters, more than {MAX_DESCRIPTION:,}",
            "a description that nobody reads is not to be trusted; use another tool",
        )
    for part, schema in (("inputSchema", pinned.input), ("outputSchema", pinned.output)):
        if schema is None:
            continue
        for found in inadmissible(schema):
            yield _refusal(
                place,
                f"`{part}{found.at}` of `{pinned.name}`: {found.problem}",
                "use another tool, or ask for a schema that can be decided",
            )
    least = pinned.hints.effect
    if _HARM[binding.effect] < _HARM[least]:
        yield _refusal(
            place,
            f"`effect` is `{binding.effect}`, and its server itself hints `{least}`",
            f'write `effect = "{least}"`',
        )
    if pinned.hints.openWorldHint is True and not binding.outward:
        yield _refusal(
            place,
            "`outward` is false, and its server itself hints that it reaches the open world",
            "take `outward` out",
        )
    repeated = least is not Effect.READ and binding.kind is Idempotency.NATURAL
    if repeated and pinned.hints.idempotentHint is False:
        yield _refusal(
            place,
            "`idempotency` is `natural`, and its server itself hints that it is not",
            "take `idempotency` out",
        )


def _refusal(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-MCP-002", place=place, problem=problem, fix=fix)
