"""What a script is given to read, or one line about why it cannot be.

The files are other people's: they may be away, cut off, empty, or of another form. A form's reader
is plain code that takes its data as they should be; whatever it raises says that they are not.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from benchmarks.recorded.case import Case

USAGE = 2
"""The exit code for what was given wrongly."""

UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


class UnusableError(Exception):
    """In a line: which files, and what is wrong with them."""


def cases(
    read: Callable[[list[Path]], Iterator[Case]], form: str, files: list[Path]
) -> Iterator[Case]:
    """The recorded plans of the files, at least one."""
    found = _read(read, form, files)
    first = next(found, None)
    if first is None:
        raise UnusableError(f"{_named(files)}: no recorded plan of {form}")
    return chain((first,), found)


def why(error: Exception) -> str:
    """In a line, and not the data."""
    if isinstance(error, OSError) and error.strerror:
        return f"`{error.filename}`: {error.strerror.lower()}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def count(text: str) -> int:
    """For `argparse`: how many, one at least."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"wanted one or more, found {number}")
    return number


def _read(
    read: Callable[[list[Path]], Iterator[Case]], form: str, files: list[Path]
) -> Iterator[Case]:
    try:
        yield from read(files)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.strerror:
            raise UnusableError(why(error)) from None
        raise UnusableError(f"{_named(files)}: not the form of {form}: {why(error)}") from None


def _named(files: list[Path]) -> str:
    return ", ".join(f"`{path}`" for path in files)
