"""A page read as a manual: what a person does who follows it, act by act.

Every block is an act. A `sh` block is typed, line by line; a `text` block is all that the last line
then shows; any other block goes into a file. What only the prose says is repeated in a comment that
no reader sees, just before the block or the paragraph it is about:

    <!-- exit: 3 -->                    the block's last line ends with this, and not with 0;
    <!-- exit: 4 3 0 -->                its lines end with these
    <!-- soon -->                       its last line is typed again until it shows what it should
    <!-- terminal: second -->           it is typed there, and its last line goes on
    <!-- elsewhere: README.md -->       it is not typed; that page has it too, and is run itself
    <!-- file: PATH -->                 the block is the whole file
    <!-- append: PATH -->               the block is added to the end of the file
    <!-- add: PATH POINTER -->          the block is the new last item of the list at the pointer
    <!-- set: PATH POINTER VALUE -->    the value at the pointer is now this one
    <!-- again -->                      the last line is typed once more
    <!-- restart: second -->            Ctrl-C there, and the line that went on is typed once more

Whatever is none of this is an error, so that nothing on a page goes unread; and so is a comment
that does something which the prose beside it does not name.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

FIRST = "first"
ANYTHING = "…"
"""On a line of its own in a `text` block: any lines, or none."""

_PART = re.compile(
    r"^```(?P<language>\w*)(?P<noun>[^\n]*)\n(?P<text>.*?)^```$"
    r"|^<!--\s*(?P<word>\w+)(?::\s*(?P<rest>.*?))?\s*-->$"
    r"|(?P<unread><!--|^ *```)",
    re.DOTALL | re.MULTILINE,
)
_NOTES = {"exit", "soon", "terminal", "elsewhere", "file", "append", "add"}
"""Comments about the block that follows; the others are acts of their own."""

_VARYING = {
    "run": r"\d{8}T\d{6}-[0-9a-f]{6}",
    "build": r"(?<=\(worker )\S+(?=\))",
    "instant": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "hex": r"\b[0-9a-f]{8,64}\b",
    "date": r"\b\d{4}-\d\d-\d\d\b",
    "time": r"\b\d?\d:\d\d(:\d\d)?\b",
    "port": r"(?<=127\.0\.0\.1:)\d+",
    "seconds": r"\b\d+(\.\d+)? s\b",
    "size": r"\b\d[\d,]*(?= bytes)",
}
"""What is another one each time, in the order in which it is looked for."""


@dataclass(frozen=True)
class Typed:
    """Lines at a prompt, each with the exit code it ends with; with `stays`, the last has none.

    `soon`: what the last line is to show comes by itself, but may not be there yet.
    """

    lines: tuple[str, ...]
    exits: tuple[int, ...]
    terminal: str = FIRST
    soon: bool = False

    @property
    def stays(self) -> bool:
        return self.terminal != FIRST

    @property
    def again(self) -> "Typed":
        """The last line, once more."""
        return replace(self, lines=self.lines[-1:], exits=self.exits[-1:])


@dataclass(frozen=True)
class Elsewhere:
    """A `sh` block that another page has as well, and that is run from there."""

    lines: tuple[str, ...]
    page: str


@dataclass(frozen=True)
class Shown:
    """What the last line that was typed shows."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Edited:
    """A change to one file: from its old text to its new."""

    path: str
    change: Callable[[str], str]


@dataclass(frozen=True)
class Restarted:
    """Ctrl-C in a terminal, and its last line again."""

    terminal: str


Act = Typed | Elsewhere | Shown | Edited | Restarted


def acts(page: str) -> Iterator[Act]:
    """All that a page has its reader do, in order; ValueError for what is not an act."""
    notes: dict[str, str] = {}
    typed: Typed | None = None
    prose = due = ""
    read = 0
    for part in _PART.finditer(page):
        prose, read = prose + page[read : part.start()], part.end()
        word, rest = part["word"], part["rest"] or ""
        if part["unread"]:
            raise ValueError(f"neither a block nor a comment that is known: {_at(page, part)}")
        if word in _NOTES:
            notes[word] = rest
            continue
        if word is None:
            act = _block(part["language"], part["text"], notes, prose)
            notes, prose = {}, ""
        elif word == "set":
            act = _set(rest, page[read:].strip().partition("\n\n")[0])
        elif word == "restart":
            act = Restarted(rest)
        elif word == "again" and typed is not None:
            codes = _codes(notes.pop("exit", ""), 1)
            act = replace(typed.again, exits=codes, soon=notes.pop("soon", None) is not None)
        else:
            raise ValueError(f"no comment of a manual: {_at(page, part)}")
        if isinstance(act, Shown) and typed is None:
            raise ValueError(f"nothing was typed that could show this: {_at(page, part)}")
        if due and not isinstance(act, Shown):
            raise ValueError(f"what does `{due}` show? {_at(page, part)}")
        due = act.lines[-1] if isinstance(act, Typed) and (act.stays or act.soon) else ""
        typed = act if isinstance(act, Typed) else typed
        yield act
    if notes or due:
        raise ValueError(f"no block follows {due or ', '.join(notes)}")


def _at(page: str, part: re.Match[str]) -> str:
    return f"line {page.count(chr(10), 0, part.start()) + 1}, `{part[0].splitlines()[0]}`"


def _block(language: str, text: str, notes: Mapping[str, str], prose: str) -> Act:
    match language, dict(notes):
        case "sh", {"elsewhere": page, **rest} if not rest:
            return Elsewhere(_lines(text), page)
        case "sh", {**rest} if rest.keys() <= {"exit", "soon", "terminal"}:
            lines = _lines(text)
            codes = _codes(rest.get("exit", ""), len(lines))
            return Typed(lines, codes, rest.get("terminal", FIRST), "soon" in rest)
        case "text", {**rest} if not rest:
            return Shown(tuple(text.splitlines()))
        case _, {"file": path, **rest} if not rest:
            return Edited(_named(path, prose), lambda _: text)
        case _, {"append": path, **rest} if not rest:
            return Edited(_named(path, prose), lambda old: f"{old.rstrip()}\n\n\n{text}")
        case "json", {"add": place, **rest} if not rest:
            path, pointer = place.split()
            item = json.loads(text)
            return Edited(_named(path, prose), _at_pointer(f"{pointer}/-", item))
        case _:
            said = ", ".join(notes) or "no comment"
            raise ValueError(f"what is to be done with this `{language}` block ({said})? {text}")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.replace("\\\n", " ").splitlines())


def _codes(given: str, lines: int) -> tuple[int, ...]:
    """The last ones, where fewer are given than there are lines; the others end with 0."""
    codes = [int(code) for code in given.split()]
    if len(codes) > lines:
        raise ValueError(f"{len(codes)} exit codes for {lines} lines")
    return (*[0] * (lines - len(codes)), *codes)


def _set(rest: str, prose: str) -> Edited:
    path, pointer, value = rest.split(maxsplit=2)
    name = pointer.rpartition("/")[2]
    _named(name, prose)
    _named(value.strip('"'), prose)
    return Edited(path, _at_pointer(pointer, json.loads(value)))


def _named(name: str, prose: str) -> str:
    if f"`{name}`" not in prose:
        raise ValueError(f"the prose does not name `{name}`: {prose.strip()}")
    return name


def _at_pointer(pointer: str, value: Any) -> Callable[[str], str]:
    """Puts a value where a JSON pointer says: over one that is there, or at the end of a list."""
    *steps, last = pointer.split("/")[1:]

    def change(old: str) -> str:
        document = inner = json.loads(old)
        for step in steps:
            inner = inner[int(step) if isinstance(inner, list) else step]
        if last == "-":
            inner.append(value)
        else:
            key = int(last) if isinstance(inner, list) else last
            # Over something: a pointer to nothing is a mistake of the page.
            assert inner[key] != value
            inner[key] = value
        return json.dumps(document, indent=2) + "\n"

    return change


def differs(shown: tuple[str, ...], found: str) -> str:
    """What a page shows against what was printed: nothing if they agree, else line by line."""
    wanted, lines = _masked(shown), _masked(found.strip("\n").splitlines())
    parts = [r"(?:.*\n)*" if line == ANYTHING else re.escape(line) + r"\n" for line in wanted]
    if re.fullmatch("".join(parts), "".join(f"{line}\n" for line in lines)):
        return ""
    return "\n".join(["the page (-) and what was printed (+):", *difflib.ndiff(wanted, lines)])


def _masked(lines: "tuple[str, ...] | list[str]") -> list[str]:
    """Lines without what is another one each time, and with one space between any two words."""
    return [_mask(line) for line in lines]


def _mask(line: str) -> str:
    for name, varying in _VARYING.items():
        line = re.sub(varying, f"<{name}>", line)
    indent = len(line) - len(line.lstrip())
    words = " ".join(line.split())
    return words if words == ANYTHING else " " * indent + words
