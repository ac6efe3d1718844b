"""The tools of the vault: each way in which what is secret gets into words."""

import asyncio
import logging
import os
import subprocess
from base64 import b64encode
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator

from lockstep import Call, Record, Signal, tool

PROMPT = "canary-prompt-0b9a77"
"""Stands in what a model is told, and is nobody's but the model's."""


def _passphrase() -> str:
    """As a library reads it, past every manifest; the worker of another test has none."""
    return os.environ.get("VAULT_PASSPHRASE", "")


def _taken(how: str) -> str:
    # Not where the plan is checked: that is in another process, without it.
    if how == "validator" and _passphrase():
        raise ValueError(f"no use without {_passphrase()}")
    return how


def _short(text: str) -> str:
    if len(text) > 500:
        raise ValueError(text)
    return text


class Way(Record):
    """How to go about it."""

    how: Annotated[str, AfterValidator(_taken)] = "well"


class Opened(Record):
    """What is in it."""

    text: Annotated[str, AfterValidator(_short)]


@tool("Open", effect="read", signals=("Shut",), attempts=1)
async def open_vault(request: Way, call: Call) -> Opened:
    """Open the vault."""
    token = str(call.settings["token"])
    basic = b64encode(f"keeper:{token}".encode()).decode()
    url = f"{call.endpoint}/?token={quote(token, safe='')}"
    match request.how:
        case "raise":
            raise RuntimeError(f"GET {url} with {token!r} and Authorization: Basic {basic}")
        case "chain":
            try:
                raise KeyError(token)
            except KeyError as error:
                raise RuntimeError("the vault is jammed") from error
        case "environ":
            raise RuntimeError(f"cannot log in with {_passphrase()}")
        case "log":
            # As HTTP clients do it, for each request.
            logging.getLogger("httpx").info('HTTP Request: GET %s "HTTP/1.1 200 OK"', url)
            logging.getLogger("vault").warning("opened with %s and %s", token, _passphrase())
            inherited = subprocess.run(["env"], capture_output=True, text=True, check=True)
            return Opened(text="keys" if "ANTHROPIC_API_KEY" in inherited.stdout else "none")
        case "progress":
            call.heartbeat({"next": url, "seen": [token, {token: basic}]})
            await asyncio.sleep(30)
        case "signal":
            raise Signal("Shut", f"to {token}", tried=[url], headers={basic: token})
        case "cut":
            bad: Any = Opened.model_construct(text="x" * 1470 + token)
            return bad  # type: ignore[no-any-return]  # that is the point
        case _:
            pass
    return Opened(text="gold")


class Asked(Record):
    """Nothing to ask."""


class Letter(Record):
    """What somebody wrote."""

    text: str


@tool("Read", effect="read")
async def read(request: Asked) -> Letter:
    """Read the letter that lies about. canary-prompt-0b9a77 is told to whoever plans."""
    return Letter(text=f"the letter says {PROMPT} " * 40)
