"""What do the rules of Lockstep stop of recorded attacks, and what of the work that was asked for?

Reads recorded runs of real models on AgentDojo, sends the calls of each through five gates, makes
those that pass in the benchmark's own environments, and has its own checkers judge. One JSON line;
docs/explanation/recorded-attacks.md says what the figures mean.
"""

import argparse
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.attacks.recordings import read
from benchmarks.attacks.world import policies
from benchmarks.recorded.given import UNREADABLE, USAGE, count, why

NEEDED = "0.1.35"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("file", type=Path, help="recorded runs, JSON lines, gzipped or not")
    found.add_argument("--sample", type=count, default=0, help="only so many runs, always the same")
    found.add_argument("--processes", type=count, default=2)
    found.add_argument(
        "--policy", default="irreversible", help="a folder of benchmarks/attacks/policy"
    )
    found.add_argument(
        "--details", type=Path, help="a file for all policies' figures, and what got through"
    )
    return found


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.policy not in policies():
        sys.stderr.write(f"no policy `{given.policy}`; there are {', '.join(policies())}\n")
        return USAGE
    try:
        recordings = read(given.file)
    except UNREADABLE as error:
        sys.stderr.write(f"no recorded runs in `{given.file}`: {why(error)}\n")
        return USAGE
    if not recordings.attacked:
        sys.stderr.write(f"no attacked run in `{given.file}`\n")
        return USAGE
    try:
        found = version("agentdojo")
    except PackageNotFoundError:
        found = "none"
    if found != NEEDED:
        sys.stderr.write(
            f"needs agentdojo {NEEDED}, found {found}; install it into an environment of its own: "
            f"pip install agentdojo=={NEEDED}\n"
        )
        return 1
    # Only now, since it imports the benchmark.
    from benchmarks.attacks.running import measured  # noqa: PLC0415

    others = policies() if given.details else []
    chosen = [given.policy, *(name for name in others if name != given.policy)]
    figures = measured(recordings, chosen, sample=given.sample, processes=given.processes)
    if given.details:
        given.details.write_text(json.dumps(figures.details(given.policy), indent=2) + "\n")
    print(json.dumps(figures.line(given.policy)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
