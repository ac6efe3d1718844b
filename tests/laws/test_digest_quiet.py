"""The quietest metric is the one whose values moved least, whatever its unit."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.port import ROOT

FRAME = json.loads((ROOT / "tests" / "recorded" / "frame.json").read_text())
readings = st.lists(st.floats(min_value=-1e30, max_value=1e30), min_size=1, max_size=20)
factors = st.sampled_from([2.0**n for n in range(-20, 21)])


def frame(digest: Any, **series: list[float]) -> Any:
    """Series by name, each with its values."""
    at = FRAME["started_at"]
    written = [
        {"metric": name, "unit": "percent", "points": [{"at": at, "value": v} for v in values]}
        for name, values in series.items()
    ]
    return digest.series.MetricsFrame.model_validate({**FRAME, "series": written})


def quietest(digest: Any, **series: list[float]) -> Any:
    return digest.quiet.quietest(frame(digest, **series))


def test_a_flat_line_is_quieter_than_any_other(digest: Any) -> None:
    """Zero throughout, or any one value throughout; and it says so."""
    found = quietest(digest, busy=[1, 2], flat=[0, 0, 0])
    assert ("flat", 0.0) == (found.metric, found.spread)
    assert "did not move in 3 points: 0 % throughout" == found.says
    assert "flat" == quietest(digest, busy=[70, 70.1], flat=[97, 97]).metric


def test_large_values_are_not_loud_for_being_large(digest: Any) -> None:
    """A spread is a share: gigabytes that hardly move are quieter than a load that doubles."""
    found = quietest(digest, bytes=[8e9, 8.1e9], load=[0.1, 0.2])
    assert ("bytes", "moved by 1.2 % in 2 points") == (found.metric, found.says.split(",")[0])


def test_of_equals_the_first_by_name_counts(digest: Any) -> None:
    """Whatever order they were measured in."""
    assert "a" == quietest(digest, b=[0, 0], a=[5, 5], c=[1, 1]).metric
    assert "a" == quietest(digest, c=[1, 2], a=[10, 20]).metric


def test_what_was_not_measured_is_not_quiet(digest: Any) -> None:
    """No point, no claim; and where nothing has a point there is no answer."""
    assert "loud" == quietest(digest, silent=[], loud=[1, 900]).metric
    assert quietest(digest, silent=[]) is None
    assert quietest(digest) is None


@given(values=readings, factor=factors)
def test_the_unit_makes_no_difference(digest: Any, values: list[float], factor: float) -> None:
    """Bytes or mebibytes: the spread is the same, and between 0 and 2."""
    spread = digest.quiet.spread(values)
    assert 0 <= spread <= 2
    assert pytest.approx(spread, abs=1e-9) == digest.quiet.spread([v * factor for v in values])


def test_a_real_frame_has_a_quietest_metric(digest: Any) -> None:
    """Of ten metrics of a real host, the one that a person would point at."""
    found = digest.quiet.quietest(digest.series.MetricsFrame.model_validate(FRAME))
    assert "node_cpu_throttle_time_seconds" == found.metric
