"""Recorded answers of the real API, read from the files they were recorded to.

Of YAML only what these files use for the body of an answer: a string in quotes, which may go on
over several lines, and a block, which may be in base64. Everything else in them is passed over.
"""

import base64
import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

CASES = Path(os.environ.get("LOCKSTEP_CASES", Path(__file__).parents[3] / "shared" / "cases"))
RECORDED = CASES / "anthropic_cassettes"

_BLOCK = re.compile(r"^( +)string: (!!binary )?\|[+-]?\n((?:\1 +\S.*\n|\s*\n)+)", re.MULTILINE)
_SINGLE = re.compile(r"^ +string: '((?:[^']|'')*)'$", re.MULTILINE)
_DOUBLE = re.compile(r'^ +string: "((?:[^"\\]|\\[\s\S])*)"$', re.MULTILINE)
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(rf"\\(?:x({_HEX}{{2}})|u({_HEX}{{4}})|U({_HEX}{{8}})|([\s\S]))")
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def streams() -> Iterator[tuple[str, bytes]]:
    """Every stream of events among the recordings, with the name of its file."""
    for file in sorted(RECORDED.rglob("*.yaml")):
        for body in _bodies(file.read_text()):
            if body.startswith(b"event:"):
                yield file.stem, body


def _bodies(text: str) -> Iterator[bytes]:
    for block in _BLOCK.finditer(text):
        if block[2]:
            data = base64.b64decode(block[3])
            yield gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        else:
            yield dedent(block[3]).encode()
    for single in _SINGLE.finditer(text):
        yield _folded(single[1]).replace("''", "'").encode()
    for double in _DOUBLE.finditer(text):
        # A backslash at the end of a line joins it to the next, without the space in between.
        joined = re.sub(r"\\\n *", "", double[1])
        yield _ESCAPE.sub(_unescaped, _folded(joined)).encode()


def _folded(text: str) -> str:
    """Line breaks of a quoted string: one is a space, and of several one is gone."""
    return re.sub(r" *\n((?: *\n)*) *", lambda found: "\n" * found[1].count("\n") or " ", text)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    return chr(int(code, 16)) if code else _SHORT.get(found[4], found[4])
