"""Reads the mocks of one environment, and holds each answer to the tool it stands in for.

A mock that its tool could not have given is found here, before any plan is looked at: a sandbox
that lies is worse than none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from activities.files.inside import inside
from activities.models.conversation import Written
from lockstep.compose import BUILT_IN, COMPOSE
from lockstep.environment import Environment, Stage
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load, parse_json, read, shaped
from lockstep.mock import Mock, MockAnswer
from lockstep.schema import fields, followed
from lockstep.tool import Tool, ToolSpec
from policies.checks.misfit import did_you_mean

MAX_FINDINGS = 20


def load_mocks(
    root: Path, manifest: Environment, tools: Mapping[str, Tool], place: str
) -> dict[str, Mock]:
    """For each tool that is mocked, its mock with every output in it; `root` is resolved."""
    named = {name: found.mock for name, found in manifest.tools.items() if found.mock is not None}
    known: dict[str, Mocked] = {**tools}
    if manifest.compose is not None and manifest.compose.mock is not None:
        named[COMPOSE], known[COMPOSE] = manifest.compose.mock, _Composes()
    if named and manifest.stage is Stage.PROD:
        raise LockstepError(
            *(
                Finding(
                    code="LS-ENV-005",
                    place=f"{place}/{'compose' if name == COMPOSE else f'tools/{name}'}/mock",
                    problem=f"`{name}` would be answered for by a mock, and the stage is `prod`",
                    fix="take `mock` out, or name another stage",
                )
                for name in named
            )
        )
    return {name: _mock(root, file, known[name]) for name, file in named.items()}


class Mocked(Protocol):
    """What a mock can stand in for: a tool, or what composes."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> ToolSpec: ...
    @property
    def output(self) -> type[BaseModel]: ...


@dataclass(frozen=True)
class _Composes:
    """Each compose step has an output of its own; what all have in common is an object."""

    name: str = COMPOSE
    spec: ToolSpec = BUILT_IN
    output: type[BaseModel] = Written


def _mock(root: Path, file: str, tool: Mocked) -> Mock:
    path = inside(root, file)
    mock = load(Mock, path)
    mock = mock.model_copy(
        update={"answers": tuple(_with_output(root, answer) for answer in mock.answers)}
    )
    findings = [
        found
        for number, answer in enumerate(mock.answers)
        for found in _misfits(tool, answer, f"{path}/answers/{number}")
    ]
    if findings:
        raise LockstepError(*findings[:MAX_FINDINGS])
    return mock


def _with_output(root: Path, answer: MockAnswer) -> MockAnswer:
    if answer.output_file is None:
        return answer
    path = inside(root, answer.output_file)
    output = parse_json(read(path), str(path))
    if not isinstance(output, dict):
        raise LockstepError.of(
            "LS-LOAD-007", str(path), "wanted an object, as every output is", "correct the value"
        )
    return answer.model_copy(update={"output": output, "output_file": None})


def _misfits(tool: Mocked, answer: MockAnswer, place: str) -> Iterator[Finding]:
    yield from _strange(tool, answer, place)
    if answer.signal is not None:
        if answer.signal.name not in tool.spec.signals:
            yield Finding(
                code="LS-AGENT-003",
                place=f"{place}/signal/name",
                problem=f"tool `{tool.name}` does not declare the signal `{answer.signal.name}`",
                fix=did_you_mean(answer.signal.name, tool.spec.signals)
                or "name a signal that it declares",
            )
        return
    try:
        shaped(tool.output, answer.output, f"{place}/output")
    except LockstepError as error:
        yield from error.findings
    except Exception as error:  # a model's validators are the agent's code
        yield Finding(
            code="LS-AGENT-003",
            place=f"{place}/output",
            problem=f"the output does not fit tool `{tool.name}`: {str(error)[:200]}",
            fix="correct the output",
        )


def _strange(tool: Mocked, answer: MockAnswer, place: str) -> Iterator[Finding]:
    """Arguments that the tool does not take: with one of them `when` could never fit."""
    schema = followed(tool.spec.input, tool.spec.input)
    if schema.get("additionalProperties") is not False:
        return
    known = fields(schema)
    for name in answer.when:
        if name not in known:
            yield Finding(
                code="LS-AGENT-003",
                place=f"{place}/when",
                problem=f"tool `{tool.name}` takes no argument `{name}`",
                fix=did_you_mean(name, known) or "name an argument that it takes",
            )
