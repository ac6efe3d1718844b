"""What the runs of guards, fallbacks and loops have in common: steps, and why one was left out.

Each of those runs is replayed and compared as every run of the yard is; so what a guard saw, and
which way the run went, can be computed again from the history and the stored values.
"""

from typing import Any

from tests.runs.yard import Book, Ended, Json, step, with_


def guard(left: Any, how: str, right: Any) -> Json:
    return {"left": left, "is": how, "right": right}


def write(id: str, book: Book, *after: str, **fields: Any) -> Json:
    """A step that leaves its id in the ledger."""
    return with_(step(id, "Write", ledger=book.name, text=id), after=list(after), **fields)


def muster(*names: str, **args: Any) -> Json:
    return step("muster", "Muster", names=list(names), **args)


def seek(id: str, name: Any = "lost anchor", **fallback: Any) -> Json:
    """A step that signals `NotFound`, for which it has a fallback."""
    return with_(step(id, "Seek", name=name), on_error={"NotFound": fallback})


def ways(ended: Ended) -> dict[str, str]:
    """Why each step that was left out was."""
    return {what.step: what.because for what in ended.of("step.skipped")}


COUNT = {"$from": "muster", "path": "/count"}
