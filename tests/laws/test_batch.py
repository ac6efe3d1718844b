"""Many plans, one a line: none is lost, none is read whole that is too long."""

import io
import json
import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockstep.loading import MAX_BYTES
from worker.cli.batch import lines

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(LINES, st.booleans())
def test_every_line_that_is_not_blank_comes_with_its_number(
    written: list[bytes], ended: bool
) -> None:
    """As an editor counts them, whether or not the last one is ended."""
    text = b"\n".join(written) + (b"\n" if ended else b"")
    wanted = [
        (number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()
    ]
    found = [
        (number, (line or b"").removesuffix(b"\n")) for number, line in lines(io.BytesIO(text))
    ]
    assert wanted == found


def test_a_line_that_is_too_long_is_passed_over() -> None:
    """The longest that is allowed is not; the lines after it are read as if nothing was."""
    longest, longer = b"x" * MAX_BYTES, b"y" * (3 * MAX_BYTES)
    text = b"\n".join([longest, longer, b"{}", longer[: MAX_BYTES + 1]])
    found = [(number, line and len(line.strip())) for number, line in lines(io.BytesIO(text))]
    assert [(1, MAX_BYTES), (2, None), (3, 2), (4, None)] == found


class Endless(io.RawIOBase):
    """So many bytes without a line's end, which nobody ever holds at once."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        given = min(len(buffer), self.left)
        buffer[:given] = b"z" * given
        self.left -= given
        return given


def test_an_endless_line_fills_no_memory() -> None:
    """A hundred megabytes on one line take a few times the longest document."""
    tracemalloc.start()
    try:
        stream: Any = io.BufferedReader(Endless(100 * 1024 * 1024))
        assert [(1, None)] == list(lines(stream))
        assert 4 * MAX_BYTES > tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_json_lines_are_what_is_read() -> None:
    """A document that holds a line break holds it as an escape."""
    text = json.dumps({"a": "b\nc"}).encode() + b"\n"
    assert [(1, text)] == list(lines(io.BytesIO(text)))
