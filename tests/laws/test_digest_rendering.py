"""What a rendered digest promises: nothing foreign acts, nothing is missing, nothing wavers."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CALM = [20.0, 21.0] * 20
SPIKE = [*CALM, 96.0, 20.0]

HOSTILE = "<script>alert(1)</script>`|*x*[a](http://b.c)![i](http://b.c) \u202e\n# www.b.c \" ' & "


def frame(digest: Any, *metrics: tuple[str, str, list[float]], host: str = "web-1") -> Any:
    module = digest.series
    return module.MetricsFrame(
        host=host,
        started_at=START,
        finished_at=START + 42 * MINUTE,
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
            for metric, unit, values in metrics
        ],
        omitted=[module.Omission(metric="node_load1", reason="not asked for")],
    )


def rendered(digest: Any, measured: Any, title: str = "Weekly health") -> Any:
    return digest.render.render(digest.detect.detect(measured), measured, title, START)


MARKS = "abé_*`[]()<>|#~!&:@$^{}\\-+=1. \t\n\u202e\u2028\"'"


class Page(HTMLParser):
    """The tags of a page and the text a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A place where a long name may break.
        if tag != "wbr":
            self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_are_only_text_in_html(digest: Any) -> None:
    """Title, host, metric and reason: the page has the same tags as one with harmless names."""
    calm = rendered(digest, frame(digest, ("m", "percent", SPIKE)))
    hostile = rendered(digest, frame(digest, (HOSTILE, "percent", SPIKE), host=HOSTILE), HOSTILE)
    calm_page, hostile_page = Page(calm.html), Page(hostile.html)
    assert calm_page.tags == hostile_page.tags
    assert [name for name, _ in calm_page.attributes] == [
        name for name, _ in hostile_page.attributes
    ]
    assert "<script>alert(1)</script>" in hostile_page.text
    assert "\u202e" not in hostile.html


def test_hostile_names_are_only_text_in_markdown(digest: Any) -> None:
    """A CommonMark reader with tables sees the structure of the digest with harmless names."""
    markdown = MarkdownIt("commonmark").enable("table")
    calm = rendered(digest, frame(digest, ("m", "percent", SPIKE)))
    hostile = rendered(digest, frame(digest, (HOSTILE, "percent", SPIKE), host=HOSTILE), HOSTILE)

    def shape(text: str) -> list[str]:
        return [
            inner.type
            for token in markdown.parse(text)
            for inner in (token, *(token.children or ()))
            if inner.type not in ("text", "text_special")
        ]

    assert shape(calm.markdown) == shape(hostile.markdown)
    assert "www.b.c" not in hostile.markdown


@given(text=st.text(st.sampled_from(MARKS), max_size=30))
@example(text="- item")
@example(text="1. item")
@example(text="_a_ __b__ snake_case_name")
@example(text="\\")
def test_escaped_markdown_shows_exactly_the_text(digest: Any, text: str) -> None:
    """One paragraph, no markup, and the very characters."""
    shown = digest.words.plain(text)
    tokens = MarkdownIt("commonmark").parse(digest.words.markdown(shown))
    inline = [inner for token in tokens for inner in token.children or ()]
    assert {inner.type for inner in inline} <= {"text", "text_special"}
    assert shown.strip() == "".join(inner.content for inner in inline)


@given(value=st.floats(min_value=-1e30, max_value=1e30), place=st.integers(0, 6))
def test_a_quantity_is_short(digest: Any, value: float, place: int) -> None:
    """Whatever the value, it fits a cell of the table."""
    unit = list(digest.series.Unit)[place]
    assert len(digest.words.quantity(value, unit)) <= 15


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (42.0, "percent", "42 %"),
        (99.96, "percent", "100 %"),
        (1.5 * 2**20, "bytes_per_second", "1.5 MiB/s"),
        (1023.7, "bytes", "1 KiB"),
        (0.0125, "seconds_per_second", "12.5 ms/s"),
        (2_500.0, "per_second", "2.5 k/s"),
        (0.5, "per_second", "0.5/s"),
        (0.25, "tasks", "0.25"),
        (48_200.0, "number", "48.2 k"),
        (100.0, "number", "100"),
    ],
)
def test_quantities_read_as_people_say_them(
    digest: Any, value: float, unit: str, text: str
) -> None:
    """Three digits and a unit."""
    assert text == digest.words.quantity(value, digest.series.Unit(unit))


def test_equal_input_gives_equal_bytes(digest: Any) -> None:
    """Also when several threads render at once, as a worker's activities do."""
    measured = frame(digest, ("node_cpu_percent", "percent", SPIKE))
    with ThreadPoolExecutor(4) as threads:
        digests = list(threads.map(lambda _: rendered(digest, measured), range(4)))
    assert 1 == len({one.html for one in digests}) == len({one.markdown for one in digests})


def test_each_metric_has_a_row_a_sparkline_and_a_plot(digest: Any) -> None:
    """And they stand under the heading that fits."""
    html = rendered(
        digest,
        frame(
            digest,
            ("node_cpu_percent", "percent", SPIKE),
            ("node_network_receive_bytes_per_second", "bytes_per_second", SPIKE),
            ("queue_depth", "number", SPIKE),
        ),
    ).html
    assert ["CPU", "Network", "Other"] == re.findall(r'scope="rowgroup">(\w+)<', html)
    assert 3 == html.count('class="spark"') == html.count("<figure")
    assert 3 == html.count('<svg viewBox="')


def test_anomalies_are_marked_and_told(digest: Any) -> None:
    """In the verdict, in the table, in the sparkline and in the plot."""
    calm = rendered(digest, frame(digest, ("node_cpu_percent", "percent", CALM)))
    alarming = rendered(digest, frame(digest, ("node_cpu_percent", "percent", SPIKE)))
    assert "What stands out" not in calm.html
    assert "<circle" not in calm.html
    assert "No anomalies in 1 metric." in calm.html
    assert "1 of 1 metric left the usual range." in Page(alarming.html).text
    assert "<circle" in alarming.html
    assert re.search(r"<use [^>]*var\(--alarm\)", alarming.html)


def test_what_was_not_measured_is_named(digest: Any) -> None:
    """A metric never vanishes without a word: not asked for, or without a sample."""
    measured = frame(digest, ("node_cpu_percent", "percent", SPIKE), ("gone", "number", []))
    one = rendered(digest, measured)
    for text in (Page(one.html).text, one.markdown):
        assert re.search(r"gone:? no sample", text)
        assert re.search(r"node_load1:? not asked for", text)


def test_too_few_points_are_no_clean_bill(digest: Any) -> None:
    """The verdict says that nothing was judged."""
    one = rendered(digest, frame(digest, ("node_cpu_percent", "percent", SPIKE[:5])))
    assert "**No verdict; 1 metric could not be judged.**" in one.markdown
    assert "too few points (5 of 24)" in one.markdown


def test_a_page_loads_nothing(digest: Any) -> None:
    """Self-contained: no address in it but the names of XML dialects."""
    html = rendered(digest, frame(digest, ("node_cpu_percent", "percent", SPIKE))).html
    assert not set(Page(html).tags) & {"script", "link", "img", "iframe", "object"}
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"|http-equiv', "", html)
