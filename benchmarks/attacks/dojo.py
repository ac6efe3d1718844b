"""AgentDojo at the edge: its tools, its environments and its checkers, called and never copied.

All that knows the benchmark's package stands here. Parsing an environment costs tens of
milliseconds and copying a parsed one a single millisecond, so each is parsed once and kept as
bytes. Whoever has a scene calls tools in it; two scenes share nothing.
"""

import contextlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import yaml
from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.task_suite.task_suite import TaskSuite, read_suite_file
from pydantic import BaseModel, TypeAdapter

from benchmarks.attacks.place import Made
from benchmarks.attacks.recordings import Call, Recording
from benchmarks.attacks.tools import Signature

_KEPT = 64
"""How many environments are kept; runs that share one stand next to each other."""


class Scene:
    """A `Place`: one environment, from the state that a run began in."""

    def __init__(self, suite: TaskSuite[Any], before: bytes) -> None:
        self._suite = suite
        self._before = before
        self._runtime = FunctionsRuntime(suite.tools)
        self._now = pickle.loads(before)
        self.made: list[Made] = []

    def call(self, call: Call) -> Made:
        with contextlib.redirect_stdout(io.StringIO()):
            output, error = self._runtime.run_function(self._now, call.tool, call.args)
        made = Made(call, _plain(output), error)
        self.made.append(made)
        return made

    def accepted(self, call: Call) -> dict[str, Any] | None:
        model = _models(self._suite).get(call.tool)
        if model is None:
            return None
        try:
            return model.model_validate(call.args).model_dump(mode="json")
        except ValueError:
            return None

    def by_traces(self, run: Recording) -> bool:
        """Whether a verdict looks at the calls themselves and not only at what they led to."""
        user = type(self._suite.user_tasks[run.user_task])
        if user.utility_from_traces is not BaseUserTask.utility_from_traces:
            return True
        attacker = self._suite.injection_tasks.get(run.injection_task or "")
        plain = BaseInjectionTask.security_from_traces
        return attacker is not None and type(attacker).security_from_traces is not plain

    def score(self, run: Recording) -> tuple[bool, bool]:
        """The benchmark's verdicts: whether the user's task was done, and the attacker's."""
        user = self._suite.user_tasks[run.user_task]
        done = self._judged(user, run.final)
        if run.injection_task is None:
            return done, True
        return done, self._judged(self._suite.injection_tasks[run.injection_task], run.final)

    def _judged(self, task: BaseUserTask[Any] | BaseInjectionTask[Any], final: str) -> bool:
        said: Any = [{"type": "text", "content": final}]
        traces = [FunctionCall(function=one.call.tool, args=one.call.args) for one in self.made]
        # Some checkers print; and what they compare with may not be what an earlier one changed.
        before = alike(pickle.loads(self._before), self._now)
        with contextlib.redirect_stdout(io.StringIO()):
            return bool(self._suite._check_task_result(task, said, before, self._now, traces))


class Dojo:
    """One version of the benchmark."""

    def __init__(self, version: str) -> None:
        self.suites = get_suites(version)
        self._states: OrderedDict[str, bytes] = OrderedDict()
        self._quiet: dict[tuple[str, str], bytes] = {}

    def scene(self, run: Recording) -> Scene:
        """The world as it was before the run's first call."""
        return Scene(self.suites[run.suite], self._state(run))

    def quiet(self, suite: str, user_task: str) -> Scene:
        """The same where nobody attacks."""
        if (suite, user_task) not in self._quiet:
            nobody = Recording("", suite, user_task, None, None, (), "", False, False, {})
            self._quiet[suite, user_task] = self._state(nobody)
        return Scene(self.suites[suite], self._quiet[suite, user_task])

    def prompt(self, suite: str, user_task: str) -> str:
        prompt: str = self.suites[suite].user_tasks[user_task].PROMPT
        return prompt

    def solution(self, suite: str, user_task: str) -> tuple[Call, ...]:
        """The calls that the benchmark's authors wrote down as doing the task."""
        found = self.suites[suite]
        scene = self.quiet(suite, user_task)
        calls = found.user_tasks[user_task].ground_truth(scene._now)
        return tuple(Call(call.function, dict(call.args)) for call in calls)

    def _state(self, run: Recording) -> bytes:
        if run.world in self._states:
            self._states.move_to_end(run.world)
            return self._states[run.world]
        suite = self.suites[run.suite]
        text = read_suite_file(suite.name, "environment.yaml", suite.data_path)
        given = {**_defaults(suite), **run.injections}
        # The suite's own loader is the same in pure Python, and thirty times slower.
        read = yaml.load(text.format(**given), Loader=yaml.CSafeLoader)
        environment = suite.environment_type.model_validate(read)
        ready = suite.user_tasks[run.user_task].init_environment(environment)
        self._states[run.world] = state = pickle.dumps(ready)
        if len(self._states) > _KEPT:
            self._states.popitem(last=False)
        return state


@cache
def _defaults(suite: TaskSuite[Any]) -> dict[str, str]:
    given: dict[str, str] = suite.get_injection_vector_defaults()
    return given


@cache
def _models(suite: TaskSuite[Any]) -> dict[str, type[BaseModel]]:
    return {tool.name: tool.parameters for tool in suite.tools}


def alike(before: Any, now: Any) -> Any:
    """`before`, with whatever in it is unchanged replaced by the same object in `now`.

    To a checker that compares all of both worlds nothing is different, but that it need not look
    into what it is given twice: half of the time of all went there.
    """
    if type(before) is not type(now) or not isinstance(now, BaseModel | dict | list):
        return before
    if before == now:
        return now
    match before, now:
        case BaseModel(), BaseModel():
            for name, value in before.__dict__.items():
                before.__dict__[name] = alike(value, now.__dict__.get(name))
        case dict(), dict():
            for key in before.keys() & now.keys():
                before[key] = alike(before[key], now[key])
        case list(), list():
            shared = [alike(*pair) for pair in zip(before, now, strict=False)]
            before[: len(shared)] = shared
        case _:
            pass
    return before


def signatures(dojos: Iterable[Dojo]) -> list[Signature]:
    """Every tool of every suite, sorted; suites that share a name share the tool."""
    found = {
        tool.name: tool for dojo in dojos for suite in dojo.suites.values() for tool in suite.tools
    }
    return [
        Signature(
            name=name,
            description=tool.description,
            input=tool.parameters.model_json_schema(),
            output=TypeAdapter(tool.return_type).json_schema(mode="serialization"),
        )
        for name, tool in sorted(found.items())
    ]


def _plain(output: Any) -> Any:
    """The output as JSON."""
    if isinstance(output, BaseModel):
        return output.model_dump(mode="json")
    if isinstance(output, dict):
        return {str(key): _plain(value) for key, value in output.items()}
    if isinstance(output, Sequence) and not isinstance(output, str):
        return [_plain(item) for item in output]
    return output if isinstance(output, str | int | float | bool | None) else str(output)
