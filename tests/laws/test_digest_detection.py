"""What the digest's readings and detection promise."""

import asyncio
import csv
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CASES = Path(os.environ.get("LOCKSTEP_CASES", Path(__file__).parents[3] / "shared" / "cases"))
RECORDED = CASES / "nab" / "data" / "realAWSCloudwatch"

finite = st.floats(min_value=-1e30, max_value=1e30)
series = st.lists(finite, min_size=24, max_size=60)
few = settings(max_examples=30)
"""The laws are about all series; these suffice to break them and keep the suite quick."""


def frame(digest: Any, values: Sequence[float], unit: str = "number", metric: str = "m") -> Any:
    """A frame of one series, a point each minute."""
    module = digest.series
    return module.MetricsFrame(
        host="web-1",
        started_at=START,
        finished_at=START + len(values) * MINUTE,
        interval_seconds=60,
        series=[
            module.Series(
                metric=metric,
                unit=module.Unit(unit),
                points=[
                    module.Point(at=START + place * MINUTE, value=value)
                    for place, value in enumerate(values)
                ],
            )
        ],
    )


def found(digest: Any, values: Sequence[float], unit: str = "number") -> list[float]:
    return [one.value for one in digest.detect.detect(frame(digest, values, unit)).anomalies]


@given(value=finite, count=st.integers(min_value=1, max_value=60))
@few
def test_a_constant_series_has_no_anomaly(digest: Any, value: float, count: int) -> None:
    """Where nothing varies nothing is known about what varying would mean."""
    assert found(digest, [value] * count) == []


@given(
    noise=st.lists(st.floats(min_value=40, max_value=44), min_size=30, max_size=80),
    place=st.integers(min_value=0, max_value=79),
)
@few
def test_one_spike_is_found_and_nothing_else(digest: Any, noise: list[float], place: int) -> None:
    """Noise of four percentage points stays quiet beside one spike of fifty."""
    place %= len(noise)
    noise[place] = 95.0
    assert [95.0] == found(digest, noise, "percent")


def test_a_spike_out_of_silence_is_found(digest: Any) -> None:
    """A counter that is nearly always zero has a MAD of zero; the fallback still sees."""
    assert [0.4] == found(digest, [0.0] * 30 + [0.4] + [0.0] * 30, "seconds_per_second")


def test_the_score_is_the_published_one(digest: Any) -> None:
    """0.6745 (x - median) / MAD beyond 3.5; here the median is 10 and MAD is 1."""
    noise = [9.0, 10.0, 11.0] * 10
    assert found(digest, [*noise, 15.18]) == []
    assert [15.2] == found(digest, [*noise, 15.2])
    (one,) = digest.detect.detect(frame(digest, [*noise, 20.0])).anomalies
    assert pytest.approx(6.745) == one.score


def test_a_drop_is_low_and_a_spike_is_high(digest: Any) -> None:
    """The direction is told, and the score carries the same sign."""
    values = [50.0, 51.0, 49.0] * 10
    anomalies = digest.detect.detect(frame(digest, [*values, 0.0, 100.0], "percent")).anomalies
    assert ["low", "high"] == [one.direction for one in anomalies]
    assert [True, False] == [one.score < 0 for one in anomalies]


@given(values=st.lists(finite, min_size=1, max_size=23))
@few
def test_below_24_points_nothing_is_claimed_and_the_note_says_so(
    digest: Any, values: list[float]
) -> None:
    """Silence about a short series would read as health."""
    findings = digest.detect.detect(frame(digest, values))
    assert findings.anomalies == []
    assert findings.metrics["m"].note == f"too few points ({len(values)} of 24)"


@pytest.mark.parametrize(
    ("unit", "noise"),
    [
        ("percent", 4.9),
        ("bytes", 2**23),
        ("bytes_per_second", 2**17),
        ("tasks", 0.4),
        ("number", 0.09),
    ],
)
def test_what_is_too_small_to_matter_is_no_anomaly(digest: Any, unit: str, noise: float) -> None:
    """However unusual it is: nobody is woken for it."""
    assert found(digest, [10.0, 10.0001] * 20 + [10.0 + noise], unit) == []


@given(values=series, data=st.data())
@few
def test_the_order_of_points_decides_nothing(
    digest: Any, values: list[float], data: st.DataObject
) -> None:
    """Anomalies are a matter of values alone."""
    shuffled = data.draw(st.permutations(values))
    assert sorted(found(digest, values)) == sorted(found(digest, shuffled))


@given(
    values=st.lists(st.floats(min_value=-1e6, max_value=1e6, width=32), min_size=24, max_size=60),
    power=st.integers(min_value=-10, max_value=10),
    sign=st.sampled_from([-1.0, 1.0]),
)
@few
def test_the_scale_decides_nothing_for_a_plain_number(
    digest: Any, values: list[float], power: int, sign: float
) -> None:
    """Seconds or milliseconds, gains or losses; powers of two, so that floats stay exact."""
    factor = sign * 2.0**power
    scaled = found(digest, [value * factor for value in values])
    assert [value * factor for value in found(digest, values)] == scaled


@given(values=series)
@few
def test_fewer_than_half_of_all_points_are_anomalies(digest: Any, values: list[float]) -> None:
    """What more than half of the points do is usual by definition."""
    assert len(found(digest, values)) < len(values) / 2


@given(values=st.lists(finite, min_size=1, max_size=60))
@few
def test_a_summary_is_finite_in_order_and_survives_json(digest: Any, values: list[float]) -> None:
    """Minimum, average, p95 and maximum are where their names say, also for extreme values."""
    findings = digest.detect.detect(frame(digest, values))
    summary = findings.metrics["m"]
    slack = 1e-9 * max(abs(value) for value in values)
    assert summary.minimum - slack <= summary.avg <= summary.maximum + slack
    assert summary.minimum <= summary.median <= summary.maximum
    assert summary.median <= summary.p95 <= summary.maximum
    assert findings == type(findings).model_validate_json(findings.model_dump_json())


def test_values_that_are_not_finite_are_left_out(digest: Any) -> None:
    """Models refuse them; whoever builds a point without validation harms only that point."""
    measured = frame(digest, [50.0, 51.0] * 20, "percent")
    point = digest.series.Point
    measured.series[0].points.extend(
        point.model_construct(at=START, value=value) for value in (float("nan"), float("inf"))
    )
    assert digest.detect.detect(measured).metrics["m"].points == 40


def test_a_series_without_points_is_named(digest: Any) -> None:
    """It has no average to show, and must not vanish for that."""
    findings = digest.detect.detect(frame(digest, []))
    assert (["m"], {}) == (findings.unmeasured, findings.metrics)


def test_the_cpu_reads_as_in_the_specification(digest: Any) -> None:
    """`assert summary.cpu.avg < 95`, word for word."""
    summary = digest.detect.detect(frame(digest, [30.0] * 24, "percent", "node_cpu_percent"))
    assert summary.cpu.avg < 95


def test_a_full_disk_is_near_its_limit_though_nothing_is_unusual(digest: Any) -> None:
    """A steady 97 % is no anomaly, and no less full."""
    findings = digest.detect.detect(frame(digest, [97.0] * 30, "percent"))
    assert (["m"], []) == (findings.near_limit, findings.anomalies)


def test_neighbouring_anomalies_are_one_episode(digest: Any) -> None:
    """Ninety points of one incident are one story."""
    values = [50.0, 51.0] * 20
    values[5:9] = [99.0] * 4
    values[30] = 99.0
    anomalies = digest.detect.detect(frame(digest, values, "percent")).anomalies
    assert [4, 1] == [one.points for one in digest.episode.episodes(anomalies, MINUTE)]


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded series in {RECORDED}")
def test_real_recorded_series_give_few_episodes(digest: Any) -> None:
    """17 CloudWatch series of two weeks: fewer than one episode in twenty points.

    The detector is not tuned to them. It marks 11 % of their *points*: several change their level
    for days, and a statistic without memory calls the rarer level unusual throughout.
    """
    points = told = 0
    for path in sorted(RECORDED.glob("*.csv")):
        with path.open() as file:
            values = [float(row["value"]) for row in csv.DictReader(file)]
        unit = "percent" if "cpu" in path.name else "number"
        anomalies = digest.detect.detect(frame(digest, values, unit)).anomalies
        assert len(anomalies) < len(values) / 2, path.name
        points += len(values)
        told += len(digest.episode.episodes(anomalies, MINUTE))
    assert points > 60_000
    assert told < 0.05 * points


def readings(digest: Any, *values: float | None, seconds: float = 10.0) -> list[Any]:
    """Samples of a counter `c`, None where it could not be read."""
    return [
        digest.measure.Sample(
            host="web-1",
            at=START + place * timedelta(seconds=seconds),
            uptime_seconds=100 + place * seconds,
            readings={} if value is None else {"c": value},
        )
        for place, value in enumerate(values)
    ]


def rates(digest: Any, samples: Sequence[Any]) -> list[float]:
    counter = digest.catalogue.Metric("c", digest.series.Unit.NUMBER, "", lambda: None, True)
    measured = digest.measure.frame([counter], samples, timedelta(seconds=10))
    return [point.value for point in measured.series[0].points]


def test_a_counter_becomes_a_rate_per_second(digest: Any) -> None:
    """Growth over the seconds that really passed."""
    assert [2.0, 0.0, 3.0] == rates(digest, readings(digest, 100, 120, 120, 150))


def test_a_counter_that_was_reset_claims_nothing_for_that_interval(digest: Any) -> None:
    """Neither a negative rate nor a spike."""
    assert [2.0, 3.0] == rates(digest, readings(digest, 100, 120, 5, 35))


def test_a_reboot_claims_nothing_for_that_interval(digest: Any) -> None:
    """Uptime that fell tells it, even when the new counter has already passed the old one."""
    before, after = readings(digest, 100, 200)
    assert rates(digest, [before, after.model_copy(update={"uptime_seconds": 3.0})]) == []


def test_a_reading_that_failed_is_a_gap(digest: Any) -> None:
    """A rate needs both of its neighbours."""
    assert [1.0] == rates(digest, readings(digest, 0, 10, None, 40))


def test_a_metric_that_is_not_here_is_an_error_with_its_name(digest: Any) -> None:
    """Never a guess; the article's own example."""
    with pytest.raises(digest.catalogue.MetricNotFound) as raised:
        digest.catalogue.find(["node_iops_predicted_capacity"])
    assert raised.value.name == "node_iops_predicted_capacity"


def test_sampling_goes_on_from_what_was_taken_before(digest: Any) -> None:
    """A crash after the second of four intervals costs none of them."""
    seen: list[tuple[int, int]] = []
    taken: list[Any] = []
    tick = timedelta(milliseconds=2)

    def crash(done: int, total: int) -> None:
        if done == 2:
            raise RuntimeError

    async def run(on_sample: Any) -> Any:
        return await digest.measure.sample(["node_load1"], 4 * tick, tick, on_sample, taken)

    with pytest.raises(RuntimeError):
        asyncio.run(run(crash))
    measured = asyncio.run(run(lambda done, total: seen.append((done, total))))
    assert [(3, 4), (4, 4)] == seen
    assert len(measured.series[0].points) == 4
    assert "node_cpu_throttle_time_seconds" in [one.metric for one in measured.omitted]


V1_UNLIMITED = {
    "cpu/cpu.stat": "nr_periods 0\nthrottled_time 1500000000\n",
    "cpu/cpu.cfs_quota_us": "-1\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
}
V2_LIMITED = {
    "cpu.stat": "usage_usec 5\nthrottled_usec 2500000\n",
    "cpu.max": "150000 100000\n",
    "memory.max": "1048576\n",
}
V2_UNLIMITED = {"cpu.stat": "usage_usec 5\n", "cpu.max": "max 100000\n", "memory.max": "max\n"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, (None, None, None)),
        (V1_UNLIMITED, (1.5, None, None)),
        (V2_LIMITED, (2.5, 1.5, 1048576.0)),
        (V2_UNLIMITED, (None, None, None)),
    ],
    ids=["absent", "v1 unlimited", "v2 limited", "v2 unlimited"],
)
def test_a_cgroup_says_what_its_files_say_and_no_more(
    digest: Any, tmp_path: Path, files: dict[str, str], said: tuple[float | None, ...]
) -> None:
    """Throttled seconds, quota and memory limit; an absent file or `max` is None, never zero."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    cgroup = digest.cgroup
    assert said == (
        cgroup.throttled_seconds(tmp_path),
        cgroup.cpu_quota_cores(tmp_path),
        cgroup.memory_limit_bytes(tmp_path),
    )
