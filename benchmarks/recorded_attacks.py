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

NEEDED = "0.1.35"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="recorded runs, JSON lines, gzipped or not")
    parser.add_argument("--sample", type=int, default=0, help="only so many runs, always the same")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--policy", default="irreversible", help="a folder of benchmarks/attacks/policy"
    )
    parser.add_argument(
        "--details", type=Path, help="a file for all policies' figures, and what got through"
    )
    return parser.parse_args()


def main() -> int:
    given = arguments()
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
    from benchmarks.attacks.recordings import read  # noqa: PLC0415
    from benchmarks.attacks.running import measured  # noqa: PLC0415
    from benchmarks.attacks.world import policies  # noqa: PLC0415

    if given.policy not in policies():
        sys.stderr.write(f"no policy `{given.policy}`; there are {', '.join(policies())}\n")
        return 1
    try:
        recordings = read(given.file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        sys.stderr.write(f"`{given.file}` holds no recorded runs: {type(error).__name__} {error}\n")
        return 1
    others = policies() if given.details else []
    chosen = [given.policy, *(name for name in others if name != given.policy)]
    figures = measured(recordings, chosen, sample=given.sample, processes=given.processes)
    if given.details:
        given.details.write_text(json.dumps(figures.details(given.policy), indent=2) + "\n")
    print(json.dumps(figures.line(given.policy)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
