"""The tools of the clerk: letters come from anybody, records are private, files are kept."""

from pathlib import Path

from lockstep import Call, Record, tool


class Reading(Record):
    """Which pile of letters; each has so many characters."""

    pile: str = "new"
    letters: int = 2
    length: int = 20


class Letters(Record):
    """Letters as they came."""

    texts: list[str]
    first: str


@tool("ReadLetters", effect="read")
def read_letters(request: Reading) -> Letters:
    """Read the letters of a pile."""
    texts = [f"{request.pile} {n} ".ljust(request.length, "x") for n in range(request.letters)]
    return Letters(texts=texts, first=texts[0] if texts else "")


class Asking(Record):
    """Whose record."""

    name: str


class PersonalRecord(Record):
    """What is known of somebody."""

    text: str


@tool("ReadRecord", effect="read", sensitive=True, emits="trusted")
def read_record(request: Asking) -> PersonalRecord:
    """Read somebody's record."""
    return PersonalRecord(text=f"{request.name} lives at the quay")


class Filing(Record):
    """What is to be kept, and how urgent it is."""

    text: str
    urgency: str = "low"


class Filed(Record):
    """What was kept."""

    text: str


@tool("File", effect="write", idempotency="keyed", outward=False)
def file(request: Filing, call: Call) -> Filed:
    """Keep a text."""
    path = Path(call.endpoint) / "filed.txt"
    with path.open("a") as kept:
        kept.write(f"{call.idempotency_key[:8]} {request.urgency} {request.text}\n")
    return Filed(text=request.text)
