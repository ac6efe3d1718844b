"""Which Temporal server to talk to, and the connection to it.

Temporal's own settings come first, exactly as its CLI and SDKs read them: whoever has set them
means them. Without any, a running embedded server of this project is used; without that, nothing is
found, and the caller decides whether to start one. A setting that cannot be read is an error:
falling back to a laptop's server when production was meant would be worse than stopping.
"""

import asyncio
import functools
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from lockstep.errors import LockstepError
from worker.embedded.claim import CHANGE_OF_HANDS, ServerRecord, claimed, serving
from worker.home import Home
from worker.payloads import data_converter

DEFAULT_ADDRESS = "localhost:7233"
PATIENCE = 5.0
"""Seconds to connect in."""


@dataclass(frozen=True)
class Found:
    """A server to talk to, and where we learned of it; `options` may hold an API key."""

    address: str
    namespace: str
    source: str
    kind: Literal["configured", "dev", "embedded"]
    options: ClientConnectConfig = field(default_factory=ClientConnectConfig, repr=False)


async def find_server(home: Home, environ: Mapping[str, str] | None = None) -> Found | None:
    """The configured server, else this home's running one, else None; LS-SRV-001 for bad settings.

    A server that is just starting or stopping is waited for, a few seconds at most.
    """
    named = configured(os.environ if environ is None else environ)
    if named is not None:
        return named
    deadline = monotonic() + CHANGE_OF_HANDS
    while claimed(home) and monotonic() < deadline:
        record = serving(home)
        if record is not None and await answers(record.address):
            return found(home, record)
        await asyncio.sleep(0.05)
    return None


def found(home: Home, record: ServerRecord) -> Found:
    """An embedded server as something to connect to."""
    return Found(record.address, record.namespace, str(home.record), record.kind)


async def connect(target: Found, *, plugins: Sequence[Plugin] = ()) -> Client:
    """A connected client, or LS-SRV-001 that names the address and who named it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _connected(target, plugins)
    except TimeoutError:
        reason = f"no answer within {PATIENCE:.0f} s"
    except Exception as error:  # every layer below has errors of its own, and all mean this one
        reason = _reason(error)
    start = "start that server, or correct the settings"
    if target.kind != "configured":
        start = "start one with `lockstep dev`"
    raise LockstepError.of(
        "LS-SRV-001", target.address, f"{reason} (address from {target.source})", start
    )


async def _connected(target: Found, plugins: Sequence[Plugin]) -> Client:
    while True:
        try:
            return await Client.connect(
                target.address,
                namespace=target.namespace,
                data_converter=data_converter,
                plugins=plugins,
                runtime=runtime(),
                api_key=target.options.get("api_key"),
                tls=target.options.get("tls"),
                rpc_metadata=target.options.get("rpc_metadata", {}),
            )
        except Exception as error:
            # What a server says that is up and has not come to itself yet.
            if "not healthy yet" not in str(error):
                raise
            await asyncio.sleep(0.1)


@functools.cache
def runtime() -> Runtime:
    """One for the process; its core logs go to Python's logging, not to stdout, where by default
    they would mix with our output."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporal.core"))
    level = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(level, forwarding=forwarding)))


async def answers(address: str) -> bool:
    """Whether somebody listens at `host:port`, within a second."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def configured(environ: Mapping[str, str]) -> Found | None:
    """The server that Temporal's own settings name; LS-SRV-001 for settings that cannot be read."""
    # An empty variable is how a shell or a compose file says "not set".
    given = {name: value for name, value in environ.items() if value}
    file = given.get("TEMPORAL_CONFIG_FILE")
    # Temporal reads a missing file as an empty one.
    if file is not None and not Path(file).exists():
        raise _misconfigured("TEMPORAL_CONFIG_FILE", f"`{file}` does not exist")
    try:
        profile = ClientConfigProfile.load(override_env_vars=given)
        options = profile.to_client_connect_config()
    except (RuntimeError, OSError, ValueError) as error:
        raise _misconfigured("Temporal settings", f"cannot be read: {_reason(error)}") from None
    if profile == ClientConfigProfile():
        return None
    if "TEMPORAL_ADDRESS" in given:
        source = "TEMPORAL_ADDRESS"
    elif profile.address:
        source = f"profile `{given.get('TEMPORAL_PROFILE', 'default')}` of Temporal's configuration"
    else:
        source = "Temporal's default, for its settings name none"
    return Found(
        address=profile.address or DEFAULT_ADDRESS,
        namespace=profile.namespace or "default",
        source=source,
        kind="configured",
        options=options,
    )


def _misconfigured(place: str, problem: str) -> LockstepError:
    return LockstepError.of("LS-SRV-001", place, problem, "correct it, or unset it")


def _reason(error: Exception) -> str:
    """The one sentence a person needs out of what the layers below wrapped around it."""
    # A parser shows the line it failed on, which may be the one with the key.
    text = " ".join(str(error).split()).split(" | ")[0]
    inner = re.findall(r'(?:message|error): "([^"]+)"', text)
    shown = str(inner[-1] if inner else text) or type(error).__name__
    return shown[:1].lower() + shown[1:200]
