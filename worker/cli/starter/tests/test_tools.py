"""The tools, called as the plain functions they are."""

from pathlib import Path

from activities.package import AgentPackage
from lockstep.testing import FakeCall


def test_a_disk_is_measured_where_the_manifest_says(agent: AgentPackage, tmp_path: Path) -> None:
    """There is never more room than there is disk."""
    measure = agent.tools["MeasureDisk"]
    call = FakeCall(settings={"data": str(tmp_path)})
    use = measure(measure.input.model_validate({"disk": "data"}), call)
    assert 0 <= use.free_bytes <= use.total_bytes


def test_a_note_is_left_once(agent: AgentPackage, tmp_path: Path) -> None:
    """The attempt after a lost one finds the note that is there."""
    leave = agent.tools["LeaveNote"]
    use = {"disk": "data", "total_bytes": 100, "free_bytes": 25}
    request = leave.input.model_validate({"title": "Disk space", "use": use, "board": "team"})
    call = FakeCall(endpoint=str(tmp_path))
    first, second = leave(request, call), leave(request, call.retried())
    assert (True, False, first.path) == (first.first, second.first, second.path)
    (note,) = tmp_path.rglob("*.md")
    assert "# Disk space\n\n`data` is 75% full.\n" == note.read_text()
