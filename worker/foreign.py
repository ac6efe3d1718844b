"""Does another installed distribution claim one of our import names?

`worker`, `policies` and the others are everyday words. If somebody else's package of that name is
installed, either of us may be imported for the other; better to say so than to behave oddly.
"""

from importlib.metadata import packages_distributions

from lockstep.finding import Finding

OURS = ("lockstep", "policies", "activities", "workflows", "worker")
DISTRIBUTION = "lockstep-agents"


def foreign_claims() -> list[Finding]:
    installed = packages_distributions()
    return [
        Finding(
            code="LS-SRV-008",
            place=f"package `{name}`",
            problem=f"is also claimed by the installed distribution `{other}`",
            fix=f"uninstall `{other}`, or give Lockstep an environment of its own",
        )
        for name in OURS
        for other in sorted(set(installed.get(name, ())))
        if other != DISTRIBUTION
    ]
