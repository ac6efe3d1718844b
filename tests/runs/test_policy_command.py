"""`lockstep policy` at the shell: exit codes, what is printed, what is written."""

import json
from pathlib import Path

import cedarpy
import pytest

from tests.runs.command import lockstep
from tests.runs.yard import ROOT, copied, replace

pytestmark = pytest.mark.asyncio(loop_scope="session")

HARBOUR = ROOT / "tests" / "agents" / "harbour"
CASES = """
lockstep = "cases/1"

[[case]]
name = "a listed ship stays \\u001b[31mafloat"
env = "test"
tool = "ScuttleShip"
args = { ship = "aurora" }
expect = "DENY"
rules = ["harbour.listed-ship"]
"""


@pytest.fixture
def agent(surroundings: Path, tmp_path: Path) -> Path:
    """A copy of the harbour with one case."""
    root = copied(HARBOUR, tmp_path)
    (root / "tests").mkdir()
    (root / "tests" / "policy.toml").write_text(CASES)
    return root


async def test_cases_that_pass_exit_with_0_and_list_what_they_do_not_reach(agent: Path) -> None:
    """For people and for programs; with `--strict` the list is an error."""
    human = await lockstep("policy", "test", folder=agent)
    machine = await lockstep("policy", "test", "--strict", "--format", "json", folder=agent)
    one = await lockstep("policy", "test", "--env", "test", "--agent", str(agent))
    assert (0, 3, 0) == (human.code, machine.code, one.code)
    assert "✓  test  a listed ship stays \\x1b[31mafloat  DENY  harbour.listed-ship" in human.out
    assert "LS-POLICY-005 rule `harbour.work`: no case reaches it" in human.out
    assert human.out.endswith("1 case, all passed; 1 of 4 rules reached\n")
    assert one.out.endswith("1 case, all passed\n")
    (case,) = machine.json["cases"]
    assert (False, True, "DENY") == (
        machine.json["passed"],
        case["passed"],
        case["decision"]["outcome"],
    )
    assert 3 == len(machine.json["findings"])


async def test_a_policy_that_says_otherwise_exits_with_3(agent: Path) -> None:
    """What was expected, what was found, and by which rule."""
    replace(agent / "policy" / "authorize.cedar", "resource.listed", "!resource.listed")
    said = await lockstep("policy", "test", folder=agent)
    assert 3 == said.code
    assert (
        "LS-POLICY-004 case 1: expected DENY, found REQUIRE_APPROVAL by "
        "harbour.second-pair-of-eyes" in said.out
    )
    assert "1 case, 1 failed; 1 of 4 rules reached" in said.out
    # Of a case that is asked in several environments, each finding says in which.
    twin = agent / "environments" / "twin.toml"
    twin.write_text((twin.parent / "test.toml").read_text().replace('"test"', '"twin"', 1))
    replace(agent / "tests" / "policy.toml", 'env = "test"', 'env = ["test", "twin"]')
    both = await lockstep("policy", "test", folder=agent)
    assert 1 == both.out.count("LS-POLICY-004 case 1 in `test`: expected DENY")
    assert 1 == both.out.count("LS-POLICY-004 case 1 in `twin`: expected DENY")


@pytest.mark.parametrize(
    ("old", "new", "code", "code_of_exit"),
    [
        ('env = "test"', 'env = "tset"', "LS-LOAD-007", 3),
        ('expect = "DENY"', 'expect = "MAYBE"', "LS-LOAD-007", 3),
        ("[[case]]", "[[case]", "LS-LOAD-002", 3),
        (CASES, "", "LS-LOAD-007", 3),
    ],
    ids=["environment", "outcome", "syntax", "empty"],
)
async def test_cases_that_cannot_be_read_say_where(
    agent: Path, old: str, new: str, code: str, code_of_exit: int
) -> None:
    """In the file, to the field."""
    replace(agent / "tests" / "policy.toml", old, new)
    said = await lockstep("policy", "test", folder=agent)
    assert (code_of_exit, "", code) == (said.code, said.out, said.err.split()[0])
    assert "tests/policy.toml" in said.err


async def test_without_cases_or_environment_it_is_an_error_of_use(agent: Path) -> None:
    """Nothing was asked, and so nothing has passed."""
    unknown = await lockstep("policy", "test", "--env", "moon", folder=agent)
    (agent / "tests" / "policy.toml").unlink()
    none = await lockstep("policy", "test", folder=agent)
    assert [(2, "LS-ENV-001"), (2, "LS-LOAD-001")] == [
        (said.code, said.err.split()[0]) for said in (unknown, none)
    ]
    assert "there are no policy cases" in none.err


async def test_the_schema_is_what_the_policies_are_held_against(
    agent: Path, tmp_path: Path
) -> None:
    """As Cedar text, in a file, and as JSON: the same policies are valid under each."""
    file = tmp_path / "test.cedarschema"
    printed = await lockstep("policy", "schema", "--env", "test", folder=agent)
    written = await lockstep("policy", "schema", "--env", "test", "-o", str(file), folder=agent)
    machine = await lockstep("policy", "schema", "--env", "test", "--format", "json", folder=agent)
    assert [0] * 3 == [said.code for said in (printed, written, machine)]
    assert printed.out == file.read_text()
    policies = (agent / "policy" / "authorize.cedar").read_text()
    for schema in (
        cedarpy.Schema.from_str(printed.out),
        cedarpy.Schema.from_json_str(json.dumps(machine.json)),
    ):
        assert cedarpy.validate_policies(policies, schema).validation_passed
        assert not cedarpy.validate_policies(
            policies.replace("resource.listed", "resource.lsited"), schema
        ).validation_passed


async def test_a_schema_goes_nowhere_that_is_not_there(agent: Path) -> None:
    """And says so in one line."""
    said = await lockstep("policy", "schema", "--env", "test", "-o", "no/file", folder=agent)
    assert (1, "LS-SRV-007") == (said.code, said.err.split()[0])


async def test_a_rule_about_what_does_not_exist_is_warned_of(agent: Path) -> None:
    """Where policy is tried, and by `doctor`; a program that wants to be strict gets a 3."""
    policy = agent / "policy" / "authorize.cedar"
    typo = (
        '@id("harbour.typo") @reason("too old") '
        'forbid (principal, action, resource == Ship::"aurorra");\n'
    )
    policy.write_text(policy.read_text() + typo)
    told = await lockstep("policy", "test", folder=agent)
    looked = await lockstep("doctor", "--agent", str(agent), "--format", "json")
    assert (0, True) == (told.code, "did you mean `aurora`?" in told.out)
    assert told.out.endswith("1 of 5 rules reached\n")
    (check,) = [one for one in looked.json if one["name"] == "policy"]
    assert (False, True) == (check["ok"], check["says"].startswith("LS-POLICY-007 authorize.cedar"))
