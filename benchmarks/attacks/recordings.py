"""The recorded runs: what a model called, what it said at the end, and how the benchmark judged it.

A file holds one JSON object a line, gzipped or not. Runs that ended in an error are left out: they
carry flags that nobody checked.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSIONS = ("v1", "v1.2.1")
DENIAL = "dos"
"""How the names of attacks end that want the model to stop, and nothing done."""


@dataclass(frozen=True)
class Call:
    tool: str
    args: dict[str, Any]

    @property
    def key(self) -> str:
        return json.dumps([self.tool, self.args], sort_keys=True)


@dataclass(frozen=True)
class Recording:
    """One run. `injection_task` None: nobody attacked it. `utility` and `security` are the
    benchmark's verdicts as recorded; `security` true says that the attacker got what they wanted.
    """

    model: str
    suite: str
    user_task: str
    injection_task: str | None
    attack: str | None
    calls: tuple[Call, ...]
    final: str
    utility: bool
    security: bool
    injections: dict[str, str]

    @property
    def attacked(self) -> bool:
        return self.injection_task is not None

    @property
    def denial(self) -> bool:
        return self.attack is not None and self.attack.endswith(DENIAL)

    @property
    def text_only(self) -> bool:
        """Whether the attacker only wants something said, which no gate of calls can stop."""
        return (self.suite, self.injection_task) == ("travel", "injection_task_6")

    @property
    def world(self) -> str:
        """Equal for runs that began in the same state of the world."""
        return json.dumps([self.suite, self.user_task, self.injections], sort_keys=True)


@dataclass(frozen=True)
class Recordings:
    """`benign` is by model, suite and user task; `versions` says which version of the benchmark a
    model was run on.
    """

    attacked: tuple[Recording, ...]
    benign: dict[tuple[str, str, str], Recording]
    versions: dict[str, str]
    errors: int


def read(path: Path) -> Recordings:
    """All runs of user tasks in a file; ValueError for what is not of this form."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        return gathered(json.loads(line) for line in lines if line.strip())


def gathered(rows: Iterable[dict[str, Any]]) -> Recordings:
    found: list[Recording] = []
    errors = 0
    for row in rows:
        if row["error"] is not None:
            errors += 1
        # An injection task that is run as if a user had asked for it attacks nobody.
        elif row["user_task"].startswith("user_task"):
            found.append(_recording(row))
    attacked = tuple(run for run in found if run.attacked)
    return Recordings(
        attacked=attacked,
        benign={(r.model, r.suite, r.user_task): r for r in found if not r.attacked},
        versions=_versions(attacked),
        errors=errors,
    )


def _recording(row: dict[str, Any]) -> Recording:
    return Recording(
        model=row["model"],
        suite=row["suite"],
        user_task=row["user_task"],
        injection_task=row["inj_task"],
        attack=row["attack"],
        calls=tuple(Call(tool, args) for tool, args in row["calls"]),
        final=row["final"] or "",
        utility=row["utility"],
        security=row["security"],
        injections=row.get("injections") or {},
    )


def _versions(attacked: Iterable[Recording]) -> dict[str, str]:
    """By model. A later version has more pairs of a user and an injection task than v1's 629."""
    most = 629
    pairs: Counter[tuple[str, str | None]] = Counter()
    later: set[str] = set()
    for run in attacked:
        pairs[run.model, run.attack] += 1
        number = int((run.injection_task or "_0").rsplit("_", 1)[1])
        if run.suite == "workspace" and number > 5:
            later.add(run.model)
    later |= {model for (model, _), count in pairs.items() if count > most}
    found: dict[str, str] = defaultdict(lambda: VERSIONS[0])
    found.update(dict.fromkeys(later, VERSIONS[1]))
    return found
