"""The tools that a manifest declares by schema alone, as tools that can be asked about but not
called.

Each is given models that hold values to its schemas, so that arguments, mocks and outputs of such a
tool go the way of any other tool's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import JsonValue, RootModel, create_model, model_validator

from activities.files.inside import inside
from lockstep.declaration import Declaration, DeclarationFile
from lockstep.defaults import defaulted
from lockstep.environment import Binding
from lockstep.errors import LockstepError
from lockstep.loading import MAX_FINDINGS, load
from lockstep.schema import Schema
from lockstep.tool import Tool
from policies.checks.arguments import check_value
from policies.checks.declared import undecided


def read_declared(root: Path, bindings: Mapping[str, Binding], place: str) -> dict[str, Tool]:
    """The declared tools among these, by name; LS-AGENT-004 for schemas that decide nothing.

    `root` is resolved; `place` is the manifest's.
    """
    found: dict[str, Tool] = {}
    for name, binding in bindings.items():
        declaration, where = binding.declared, f"{place}/tools/{name}/declared"
        if binding.declared_file is not None:
            path = inside(root, binding.declared_file)
            declaration, where = load(DeclarationFile, path), str(path)
        if declaration is not None:
            found[name] = _tool(name, declaration, where)
    return found


def _tool(name: str, declaration: Declaration, place: str) -> Tool:
    spec = declaration.spec(name)
    findings = tuple(undecided(spec, place))
    if findings:
        raise LockstepError(*findings[:MAX_FINDINGS])
    return Tool(
        spec=spec,
        function=_nobody,
        input=_model(f"{name}Input", spec.input, fill=True),
        output=_model(f"{name}Output", spec.output, fill=False),
        takes_call=False,
    )


def _nobody(request: Any) -> Any:
    raise RuntimeError("the tool is declared by its schemas alone, and has no code here")


class _Held(RootModel[dict[str, JsonValue]]):
    """A value that is held to a JSON Schema."""

    held_to: ClassVar[Schema] = {}
    fill: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        if cls.fill and isinstance(value, dict):
            value, _ = defaulted(cls.held_to, value, ())
        misfit = next(check_value("", cls.held_to, value, "LS-STEP-001"), None)
        if misfit is not None:
            raise ValueError(f"{misfit.place.strip()}: {misfit.problem}".removeprefix(": "))
        return value


def _model(name: str, schema: Schema, *, fill: bool) -> type[_Held]:
    model: type[_Held] = create_model(name, __base__=_Held)
    model.held_to, model.fill = schema, fill
    return model
