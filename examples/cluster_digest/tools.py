"""The tools of the digest agent: thin, typed, and honest about what they do to the world.

The work is done by the modules beside this one; here it gets a name, an effect, limits, and the
environment it runs in.

What is fetched is untrusted: an exporter chooses names, labels and values, and anybody who can run
one in the cluster chooses the exporter. What only computes passes that on.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import httpx2
from pydantic import AwareDatetime, Field, TypeAdapter

from lockstep import Call, Record, Resource, Signal, tool

from .catalogue import MetricNotFound, measurable
from .detect import Findings, detect
from .digest import Digest
from .fetch import fetch
from .measure import Sample, sample
from .publish import Published, publish
from .quiet import Quiet, quietest
from .render import render
from .series import MetricsFrame, Omission

MetricName = Annotated[str, Resource("metric")]

_SAMPLES = TypeAdapter(list[Sample])
_MOST_BYTES = 4 * 1024 * 1024


class FetchMetricsInput(Record):
    """Which metrics, how many points, and how far apart.

    `metrics` must be there; `optional` are taken where they are, and the digest says where not.
    """

    metrics: list[MetricName] = Field(min_length=1, max_length=100)
    optional: list[MetricName] = Field(default=[], max_length=100)
    points: int = Field(ge=1, le=2000)
    interval_seconds: float = Field(ge=0.05, le=86_400)


@tool(
    "FetchMetrics",
    effect="read",
    timeout=timedelta(hours=2),
    heartbeat=timedelta(seconds=5),
    attempts=5,
    signals=("MetricNotFound", "QueryRefused"),
    emits="untrusted",
)
async def fetch_metrics(request: FetchMetricsInput, call: Call) -> MetricsFrame:
    """Read metrics where the environment says: from a Prometheus, for the window that ends at the
    time the run is about, or from this host, for a window that begins now.
    """
    match call.settings.get("source", "host"):
        case "prometheus":
            return await fetch(
                request.metrics, request.optional, request.points, request.interval_seconds, call
            )
        case "host":
            return await _measured(request, call)
        case unknown:
            raise Signal("QueryRefused", f"settings/source: `{unknown}` is no source of metrics")


async def _measured(request: FetchMetricsInput, call: Call) -> MetricsFrame:
    """A retried attempt goes on from the samples it already has: they travel in heartbeats."""
    taken = _SAMPLES.validate_python(call.progress or [])
    here = set(measurable())
    interval = timedelta(seconds=request.interval_seconds)

    def beat(done: int, total: int) -> None:
        call.heartbeat(_SAMPLES.dump_python(taken, mode="json"))

    try:
        return await sample(
            [*request.metrics, *(name for name in request.optional if name in here)],
            interval * request.points,
            interval,
            beat,
            taken,
        )
    except MetricNotFound as missing:
        raise Signal("MetricNotFound", f'"{missing.name}"') from None


class DetectAnomaliesInput(Record):
    """The series to look at."""

    frame: MetricsFrame


@tool("DetectAnomalies", effect="read", timeout=timedelta(seconds=30), emits="inherited")
def detect_anomalies(request: DetectAnomaliesInput) -> Findings:
    """Find points far from a series' usual range, by a robust statistic; no model takes part."""
    return detect(request.frame)


class RenderDigestInput(Record):
    """What was found, what it was found in, and what the digest is called."""

    findings: Findings
    frame: MetricsFrame
    title: str = Field(min_length=1, max_length=200)
    scheduled_at: AwareDatetime


@tool("RenderDigest", effect="read", timeout=timedelta(seconds=60), emits="inherited")
def render_digest(request: RenderDigestInput) -> Digest:
    """Write the digest as Markdown and as one self-contained HTML page."""
    return render(request.findings, request.frame, request.title, request.scheduled_at)


class PublishDigestInput(Record):
    """The digest to publish."""

    digest: Digest


@tool(
    "PublishDigest",
    effect="write",
    idempotency="keyed",
    timeout=timedelta(seconds=60),
    # Paths in a folder of ours, and a checksum: nobody else's words fit in there.
    emits="trusted",
)
def publish_digest(request: PublishDigestInput, call: Call) -> Published:
    """Put the digest into the folder that the environment names, once for each run."""
    return publish(request.digest, Path(call.endpoint).resolve(), call.idempotency_key)


class FindQuietMetricInput(Record):
    """The series to compare."""

    frame: MetricsFrame


@tool(
    "FindQuietMetric",
    effect="read",
    timeout=timedelta(seconds=30),
    signals=("NothingMeasured",),
    emits="inherited",
)
def find_quiet_metric(request: FindQuietMetricInput) -> Quiet:
    """Name the metric that moved least over the window; it may be quiet because all is well."""
    found = quietest(request.frame)
    if found is None:
        raise Signal("NothingMeasured", "no series has a point")
    return found


class RemoveMetricInput(Record):
    """The metric that is no longer to be reported."""

    frame: MetricsFrame
    metric: MetricName


@tool(
    "RemoveMetric",
    effect="destructive",
    idempotency="natural",
    timeout=timedelta(seconds=30),
    emits="inherited",
)
def remove_metric(request: RemoveMetricInput) -> MetricsFrame:
    """Take a metric out of what the digest reports; the digest says that it was taken out."""
    frame = request.frame
    kept = [series for series in frame.series if series.metric != request.metric]
    if len(kept) == len(frame.series):
        return frame
    omitted = [*frame.omitted, Omission(metric=request.metric, reason="removed by the plan")]
    return frame.model_copy(update={"series": kept, "omitted": omitted})


class DevMetricsInput(Record):
    """What to ask the development endpoint for."""

    cluster: str = Field(pattern=r"^[a-z0-9-]{1,63}$")


@tool("DevMetricsAPI", effect="read", timeout=timedelta(seconds=30), emits="untrusted")
async def dev_metrics_api(request: DevMetricsInput, call: Call) -> MetricsFrame:
    """Fetch metrics from the development endpoint, which knows metrics that nothing else has."""
    url = f"{call.endpoint}/metrics/v2/cluster"
    async with (
        httpx2.AsyncClient(follow_redirects=False) as client,
        client.stream("GET", url, params={"name": request.cluster}) as response,
    ):
        response.raise_for_status()
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError(f"the answer has more than {_MOST_BYTES:,} bytes")
    return MetricsFrame.model_validate_json(bytes(body))
