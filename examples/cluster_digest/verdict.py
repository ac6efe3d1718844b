"""The first sentence of a digest: is there anything to look at?

It claims no more than was judged. `No anomalies` is said only of metrics that had points enough,
and it never says `healthy`: a quiet statistic is not a diagnosis.
"""

from collections.abc import Sequence
from enum import StrEnum

from lockstep.record import Record

from .detect import Findings
from .episode import Episode


class Tone(StrEnum):
    """How the sentence is coloured."""

    QUIET = "quiet"
    ATTENTION = "attention"
    UNJUDGED = "unjudged"


class Verdict(Record):
    """A sentence without a single metric's name in it, so that it can be a subject line."""

    tone: Tone
    sentence: str


def verdict(findings: Findings, told: Sequence[Episode]) -> Verdict:
    """What the episodes and limits say, and of how many metrics nothing can be said."""
    judged = sum(summary.judged for summary in findings.metrics.values())
    unjudged = len(findings.metrics) + len(findings.unmeasured) - judged
    unusual = len({episode.metric for episode in told})
    near = len(findings.near_limit)
    parts = []
    if unusual:
        parts.append(f"{unusual} of {_metrics(judged)} left the usual range")
    if near:
        parts.append(f"{_metrics(near)} {'is' if near == 1 else 'are'} near the limit")
    if parts:
        tone, said = Tone.ATTENTION, " and ".join(parts)
    elif judged:
        tone, said = Tone.QUIET, f"No anomalies in {_metrics(judged)}"
    else:
        tone, said = Tone.UNJUDGED, "No verdict"
    rest = f"; {_metrics(unjudged)} could not be judged" if unjudged else ""
    return Verdict(tone=tone, sentence=f"{said}{rest}.")


def _metrics(count: int) -> str:
    return f"{count} metric" if count == 1 else f"{count} metrics"
