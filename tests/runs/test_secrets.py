"""Planted secrets are found nowhere: not in what is kept, not in what is shown, not in what is
logged, however they were spelt on the way.
"""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from temporalio.client import WorkflowHistory

from activities.package import load_package
from lockstep.escalation import Verdict
from tests.runs.command import Said, lockstep
from tests.runs.processes import children
from tests.runs.yard import PATIENCE, ROOT, Json, Yard, copied, failure, lock_in, replace
from worker.embedded.supervisor import Supervised
from worker.runs import result
from worker.session import Served, worker_command
from worker.standin.server import standin
from workflows.run_result import RunResult

VAULT = ROOT / "tests" / "agents" / "vault"
KEY = "sk-ant-canary/9f+31==c7e2&a"
TOKEN = "canary/tool?7f+3d&9c=e 1%"
PASSPHRASE = "canary phrase <41> \"of\" 'both' 0d"
BEARER = "canary-bearer-55aa0e71"
PROMPT = "canary-prompt-0b9a77"
SECRETS: dict[str, Any] = {
    "ANTHROPIC_API_KEY": KEY,
    "ANTHROPIC_AUTH_TOKEN": BEARER,
    "ANTHROPIC_CUSTOM_HEADERS": f"x-canary: {BEARER}",
    # Its debug level has whole prompts and headers.
    "ANTHROPIC_LOG": "debug",
    "VAULT_TOKEN": TOKEN.replace(" ", "_"),
    "VAULT_PASSPHRASE": PASSPHRASE,
}
CANARIES = (KEY, SECRETS["VAULT_TOKEN"], PASSPHRASE, BEARER)
FIELDS = {"type": "object", "properties": {"sum": {"type": "string"}}, "required": ["sum"]}


def spellings(secret: str) -> Iterator[bytes]:
    """A secret as it is, and as URLs, JSON, Python, hexadecimal and base64 have it."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield from (one.encode() for one in (quote(secret), quote(secret, ""), quote_plus(secret)))
    yield from (json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode())
    for before in (b"", b"-", b"--"):
        # Without the digits at its ends, which are made of its neighbours as well.
        digits = base64.b64encode(before + raw)[4:-4]
        yield digits
        yield digits.replace(b"+", b"-").replace(b"/", b"_")


def leaks(text: bytes, *secrets: str) -> list[str]:
    return [secret for secret in secrets if any(one in text for one in spellings(secret))]


def unpacked(history: WorkflowHistory) -> bytes:
    """A history with its payloads in clear, as bytes of the wire and as JSON."""
    wire = b"".join(event.SerializeToString() for event in history.events)
    return wire + history.to_json().encode() + repr(history.events).encode()


@dataclass
class Vault:
    """An agent with secrets, its worker, and everything that was said so far."""

    yard: Yard
    root: Path
    worker: Supervised
    log: Path
    said: list[bytes] = field(default_factory=list)

    async def command(self, *arguments: str) -> Said:
        """A command, in an environment with all secrets."""
        given = await lockstep(*arguments, home=self.yard.home.root, **SECRETS)
        self.said.append(f"{given.out}\n{given.err}".encode())
        return given

    async def run(self, how: str) -> str:
        """A run that opens the vault in one way; its id."""
        timeout = {"timeout": "1s"} if how == "progress" else {}
        step: Json = {"id": "open", "tool": "Open", "args": {"how": how}, **timeout}
        lock = lock_in(self.yard.world, {"lockstep": "plan/1", "goal": how, "steps": [step]})
        handle = await self.yard.start(lock)
        if how in ("signal", "validator"):
            question = await self.yard.question(handle)
            await self.command("inbox", "show", question.run, "--format", "json")
            await self.yard.answer(handle, question, Verdict.DENY, by="ben")
        async with asyncio.timeout(PATIENCE):
            ended = await result(handle)
        if how == "log":
            # What a tool starts inherits no key.
            assert isinstance(ended, RunResult)
            assert {"text": "none"} == ended.outputs["open"].preview
        self.said.append(ended.model_dump_json().encode())
        self.said.append(unpacked(await handle.fetch_history()))
        return handle.id

    async def told(self, run: str) -> None:
        """All that can be asked about a run."""
        await self.command("runs", "show", run)
        await self.command("runs", "events", run, "--format", "json")
        await self.command("explain", run, "open")
        replayed = await self.command("replay", run)
        assert 0 == replayed.code, replayed

    @property
    def processes(self) -> bytes:
        """How this process's children, and theirs, were called."""
        pids = [self.worker.pid, *children(os.getpid())]
        found = [Path(f"/proc/{pid}/cmdline") for pid in {*pids, *children(self.worker.pid)}]
        return b"\n".join(path.read_bytes() for path in found if path.exists())


@asynccontextmanager
async def vault(yard: Yard, folder: Path, *scenes: Json) -> AsyncIterator[Vault]:
    root, log = copied(VAULT, folder), folder / "worker.log"
    replace(root / "agent.toml", 'name = "vault"', f'name = "vault-{folder.name[-8:]}"')
    here = Yard(yard.home, yard.client, load_package(root), yard.ledgers, yard.log)
    served = Served(root, here.package.agent.name, "test")
    with standin({"lockstep": "standin/1", "scenes": list(scenes)}) as model:
        environ = {**os.environ, **SECRETS, "ANTHROPIC_BASE_URL": model.base_url}
        async with Supervised(
            "worker", worker_command([served]), env=environ, log_file=log
        ) as worker:
            found = Vault(here, root, worker, log)
            yield found
        found.said += [entry.last_message.encode() for entry in model.ledger]


def refusing(goal: str, status: int) -> Json:
    """A provider that says in its error with what it was asked."""
    basic = base64.b64encode(f"x-api-key: {KEY}".encode()).decode()
    words = f"{'x' * 285} no use: {KEY} {quote(KEY, '')} {basic}"
    error = {"status": status, "message": words[-1000:], "headers": {"x-echo": KEY}}
    return {"when": {"contains": goal}, "answers": [{"error": error}]}


PLANNED = {
    "when": {"contains": "open it well"},
    "answers": [{"proposal": {"steps": [{"id": "open", "tool": "Open"}]}}],
}
WAYS = ("log", "raise", "chain", "environ", "progress", "signal", "cut", "validator")


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_secret_is_seen_nowhere(yard: Yard, tmp_path: Path) -> None:
    """Neither the model's key nor a tool's token nor what a tool reads from the environment: a plan
    is made, one fails, runs end in every way, a human is asked, all of it is shown and replayed.
    """
    scenes = (PLANNED, refusing("open it badly", 401), refusing("Sum up", 400))
    async with vault(yard, tmp_path, *scenes) as here:
        at = ("--env", "test", "--agent", str(here.root))
        lock = tmp_path / "vault.lock.json"
        planned = await here.command("plan", "open it well", *at, "--out", str(lock))
        assert 0 == planned.code, planned
        assert lock.exists()
        halted = await here.command("plan", "open it badly", *at)
        assert 0 != halted.code
        runs = {how: await here.run(how) for how in WAYS}
        summed = await _summed(here)
        await here.told(runs["signal"])
        await here.command("explain", runs["progress"], "open")
        await here.command("runs", "show", summed)
        here.said += [here.processes, lock.read_bytes()]

    log = here.log.read_bytes()
    kept = [one.read_bytes() for one in yard.home.root.rglob("*") if one.is_file()]
    assert [] == leaks(log, *CANARIES)
    assert [] == leaks(b"\n".join(here.said), *CANARIES)
    assert [] == leaks(b"\n".join(kept), *CANARIES)
    # What a model was told is kept under its digest and named by it, and is in no log.
    assert [] == leaks(log, PROMPT)
    # Nor its first half, where a long message was cut in the middle of it.
    assert SECRETS["VAULT_TOKEN"][:10].encode() not in b"\n".join((log, *here.said, *kept))
    # The same search finds what was not taken out: the names that stand in their places.
    everything = b"\n".join((log, *here.said))
    for name in ("VAULT_TOKEN", "VAULT_PASSPHRASE"):
        assert f"${{{name}}}".encode() in everything
    assert b"HTTP Request: GET https://vault.example/?token=${VAULT_TOKEN}" in log


async def _summed(here: Vault) -> str:
    """A run whose compose step the provider refuses, in words that hold the key; its id."""
    steps: list[Json] = [
        {"id": "open", "tool": "Read"},
        {
            "kind": "compose",
            "id": "sum",
            "instruction": "Sum up the letter.",
            "inputs": {"letter": {"$from": "open", "path": "/text"}},
            "output": {**FIELDS, "additionalProperties": False},
        },
    ]
    lock = lock_in(here.yard.world, {"lockstep": "plan/1", "steps": steps})
    handle = await here.yard.start(lock)
    error = await failure(handle)
    here.said.append(repr((error, error.details)).encode())
    here.said.append(unpacked(await handle.fetch_history()))
    return handle.id


@pytest.mark.parametrize("secret", CANARIES)
def test_the_search_finds_what_it_looks_for(secret: str) -> None:
    """A search that missed a spelling would find nothing to complain about."""
    inside: list[Any] = [
        secret,
        quote(secret, safe=""),
        json.dumps({"said": secret}),
        *(base64.b64encode(f"{'k' * n}{secret}:".encode()).decode() for n in range(3)),
    ]
    for text in inside:
        assert [secret] == leaks(f"before {text} after".encode(), secret)
