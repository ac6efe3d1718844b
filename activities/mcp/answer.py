"""What a server answered to a call: an output, one of the tool's declared errors, or trouble.

Where a tool declares an output, its structured answer is that, and has to fit. Where it declares
none, its blocks are put into one envelope that is the same for all such tools, with their text
beside them, since text is what another step can use.
"""

from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from activities.calling import Troubled
from lockstep.call import Signal
from lockstep.finding import Finding
from lockstep.mcp import McpBinding
from lockstep.pinned_tools import PinnedTool

_CARRIED = ("text", "data", "mimeType", "uri", "name")
"""Of a block; the rest is for whoever shows it to a person."""


def output(
    said: dict[str, Any], binding: McpBinding, pinned: PinnedTool, quoted: Callable[[str], str]
) -> dict[str, JsonValue]:
    """The output, not yet held to its schema; Signal or Troubled where there is none.

    `quoted` makes a server's words fit to be told.
    """
    blocks = said.get("content")
    if said.get("resultType", "complete") != "complete":
        raise _useless(binding, "asks for more before it answers, and there is nobody to give it")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise _useless(binding, "answers with what is no content")
    if said.get("isError") is True:
        words = _text(blocks)
        name = binding.signal(words)
        if name is not None:
            raise Signal(name, quoted(words))
        raise Troubled(
            _finding(binding, "LS-STEP-004", f"failed: {quoted(words) or 'it does not say why'}"),
            made=True,
            again=True,
        )
    if pinned.output is None:
        return {"text": _text(blocks), "content": [_carried(block) for block in blocks]}
    structured = said.get("structuredContent")
    if not isinstance(structured, dict):
        raise _useless(binding, "declares an output and gives no structured content")
    return structured


def _text(blocks: list[dict[str, Any]]) -> str:
    texts = (block.get("text") for block in blocks if block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def _carried(block: dict[str, Any]) -> JsonValue:
    """A block without what is for show; what it embeds is put beside its type."""
    inner = block.get("resource")
    flat = {**block, **inner} if isinstance(inner, dict) else block
    if "blob" in flat:
        flat = {**flat, "data": flat["blob"]}
    # An empty one is left out, as one that is not there.
    kept = {name: flat[name] for name in _CARRIED if flat.get(name) is not None}
    return {"type": block.get("type"), **kept}


def _useless(binding: McpBinding, problem: str) -> Troubled:
    return Troubled(_finding(binding, "LS-STEP-001", problem), made=True, again=False)


def _finding(binding: McpBinding, code: str, problem: str) -> Finding:
    place = f"mcp server `{binding.server}`"
    fix = "see the worker's log, and what the server says of the tool"
    return Finding(code=code, place=place, problem=f"{place} {problem}", fix=fix)
