"""What somebody has to say yes to before a run goes on with a new rest, and what they are shown.

A question shows all that it holds or nothing of it, so what is put in is kept below that: whatever
a tool writes into its errors hides no step from whoever is to approve it.
"""

from collections.abc import Sequence

from lockstep.replanned import RunRevised
from lockstep.revision import Signal
from lockstep.submission import Wanted
from lockstep.tail import MAX_LINES, fitting, shortened

_SHOWN, _DETAIL = 5, 160
_MOST_SHOWN = 8 * 1024
"""Signals, characters of what each says, and bytes of the lines about what is to come, that a
question holds: together less than it shows, however they have to be escaped.
"""


def wanted_for(
    asking: Sequence[Wanted], revised: RunRevised, signals: Sequence[Signal]
) -> Wanted | None:
    """Every yes that is missing: to planning anew, and to the plan as a whole."""
    if not asking:
        return None
    return asking[0].model_copy(
        update={
            "rules": tuple({rule.id: rule for one in asking for rule in one.rules}.values()),
            "people": {role: who for one in asking for role, who in one.people.items()},
            "facts": {
                "lock": revised.lock,
                "parent": revised.parent,
                "signals": [
                    one.model_copy(update={"detail": shortened(one.detail, _DETAIL)}).model_dump(
                        mode="json"
                    )
                    for one in signals[:_SHOWN]
                ],
                "kept": len(revised.tail.kept),
                "rest": [*fitting(revised.tail.lines, MAX_LINES, _MOST_SHOWN)],
                **revised.worst.model_dump(mode="json"),
            },
        }
    )
