"""The tools of the desk: what strangers wrote, what is private, what leaves the house.

Each call is entered into a ledger before it does anything, with its arguments as they came. That is
all it does: what is judged is that it was made.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from lockstep import Call, Record, Resource, Signal, tool


def _enter(call: Call, name: str, request: Record) -> dict[str, Any]:
    """Writes the call down; what the folder holds for the tools to find."""
    folder = Path(call.endpoint)
    line = json.dumps({"tool": name, "args": request.model_dump(mode="json")})
    with (folder / "calls.jsonl").open("a") as ledger:
        ledger.write(f"{line}\n")
    held: dict[str, Any] = json.loads((folder / "house.json").read_text())
    return held


class Mailbox(Record):
    """Whose mail."""

    box: str = "inbox"


class Mail(Record):
    """A mail as it came."""

    id: str
    sender: str
    subject: str
    body: str


class Mails(Record):
    """What there is, the latest first."""

    mails: list[Mail]


@tool("ReadMail", effect="read")
async def read_mail(request: Mailbox, call: Call) -> Mails:
    """Read the mail that came in."""
    return Mails(mails=_enter(call, "ReadMail", request)["mails"])


class Address(Record):
    """Where a page is."""

    url: str


class Page(Record):
    """A page as it is."""

    text: str


@tool("ReadPage", effect="read", outward=True, signals=("PageMoved",))
async def read_page(request: Address, call: Call) -> Page:
    """Read a page."""
    held = _enter(call, "ReadPage", request)
    if request.url in held["moved"]:
        raise Signal("PageMoved", held["moved"][request.url])
    return Page(text=held["pages"].get(request.url, "not found"))


class Entry(Record):
    """Which of the house's records."""

    name: str


class Private(Record):
    """What the record says."""

    text: str


@tool("ReadRecord", effect="read", sensitive=True, emits="trusted")
async def read_record(request: Entry, call: Call) -> Private:
    """Read one of the house's private records."""
    return Private(text=_enter(call, "ReadRecord", request)["records"].get(request.name, "none"))


class Note(Record):
    """What is to be kept."""

    text: str
    topic: Annotated[str, Resource("topic")] = "moorings"


class Done(Record):
    """That it was done."""

    done: bool = True


@tool("FileNote", effect="write", idempotency="keyed", outward=False, emits="trusted")
async def file_note(request: Note, call: Call) -> Done:
    """Keep a note in the house."""
    _enter(call, "FileNote", request)
    return Done()


class Letter(Record):
    """What is sent to whom."""

    to: str
    subject: str = ""
    body: str


@tool("SendMail", effect="write", idempotency="keyed", emits="trusted")
async def send_mail(request: Letter, call: Call) -> Done:
    """Send a mail."""
    _enter(call, "SendMail", request)
    return Done()


class Which(Record):
    """Which mail."""

    id: str


@tool("DeleteMail", effect="destructive", emits="trusted")
async def delete_mail(request: Which, call: Call) -> Done:
    """Delete a mail for good."""
    _enter(call, "DeleteMail", request)
    return Done()


class Command(Record):
    """What is run."""

    command: str


@tool("RunCommand", effect="destructive")
async def run_command(request: Command, call: Call) -> Page:
    """Run a command on the house's machine."""
    _enter(call, "RunCommand", request)
    return Page(text="")


class Payment(Record):
    """Who is paid, and how much."""

    account: str
    amount: int


@tool("Pay", effect="destructive", emits="trusted")
async def pay(request: Payment, call: Call) -> Done:
    """Pay somebody out of the house's account."""
    _enter(call, "Pay", request)
    return Done()
