"""A pinned catalogue is part of its environment: what it holds exists, and its change is drift."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.contract.validator import Proposal
from activities.package import load_package
from activities.proposed import wrote
from lockstep.catalogue import Pinned, change, fits, stocked
from lockstep.environment import CatalogueSource, Environment, Source
from lockstep.errors import LockstepError
from lockstep.lock import Lock
from lockstep.trust import Trust
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.lineage.labels import planner_reads
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import BY, copied, package, plan, refusal, world_with

TABLE = {
    "source": "prometheus",
    "endpoint": "${PROMETHEUS_URL:-http://127.0.0.1:9090}",
    "file": "test.cargo.json",
    "attributes": {"bulky": False},
}
MEMBERS: dict[str, dict[str, Any]] = {"coal": {}, "iron": {}, "salt": {"bulky": True}}

names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
attributes = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=3)
members = st.dictionaries(names, attributes, max_size=6)
few = settings(max_examples=40)


def pinned(found: dict[str, dict[str, Any]], **fields: Any) -> Pinned:
    return Pinned.model_validate(
        {
            "lockstep": "catalogue/1",
            "kind": "cargo",
            "source": "prometheus",
            "members": found,
            **fields,
        }
    )


def manifest(own: dict[str, dict[str, Any]] | None = None, **table: Any) -> Environment:
    """The harbour's manifest in which cargo comes from a catalogue, and `own` from itself."""
    written = package().world("test").environment
    found = Environment.model_validate({**dict(written), "catalogues": {"cargo": TABLE | table}})
    resources = {**written.resources, "cargo": own or {}}
    return found.model_copy(update={"resources": resources})


def world(
    found: dict[str, dict[str, Any]] | None = None,
    own: dict[str, dict[str, Any]] | None = None,
    **table: Any,
) -> World:
    here = package().world("test")
    catalogue = {"cargo": pinned(MEMBERS if found is None else found)}
    environment = stocked(manifest(own, **table), catalogue)
    decider = CedarDecider.load(here.texts, here.tools, environment)
    return replace(here, environment=environment, decider=decider)


def locked(here: World, *cargo: str) -> Any:
    """A lock's body, of a plan that names some cargo."""
    proposed = plan({"id": "list", "tool": "ListShips", "args": {"cargo": list(cargo)}})
    return freeze(proposed, check(proposed, here, BY), here)


def drifted(body: Any, here: World) -> list[str]:
    return [found.problem.removeprefix("environment `test`: ") for found in drift(body, here)]


@given(fetched=members, own=members, defaults=attributes)
@few
def test_what_the_manifest_says_wins_and_everything_exists(
    fetched: dict[str, Any], own: dict[str, Any], defaults: dict[str, Any]
) -> None:
    """Of a member: the manifest's own words, then the file's, then what holds of every member."""
    here = stocked(manifest(own, attributes=defaults), {"cargo": pinned(fetched)})
    assert {
        name: {
            **(defaults if name in fetched else {}),
            **fetched.get(name, {}),
            **own.get(name, {}),
        }
        for name in {**fetched, **own}
    } == here.resources["cargo"]


def test_an_environment_without_catalogues_is_left_alone() -> None:
    """It is the manifest, and nothing of it looks otherwise than before there were any."""
    here = package().world("test").environment
    assert here is stocked(here, {})
    assert not [part for part in here.parts() if part.startswith("catalogues.")]


def test_a_catalogue_is_one_digest_however_large_it_is() -> None:
    """What the manifest names itself has one each, as ever; other kinds are not touched."""
    here = world(own={"coal": {"bulky": True}}).environment
    kinds = [part for part in here.parts() if part.startswith(("catalogues.", "resources.cargo"))]
    assert ["catalogues.cargo", "resources.cargo.coal"] == kinds
    plain = package().world("test").environment.parts()
    ships = [part for part in plain if part.startswith("resources.ship.")]
    assert ships
    assert {part: plain[part] for part in ships} == {part: here.parts()[part] for part in ships}


@given(fetched=members, again=members)
@few
def test_the_digest_changes_exactly_with_what_is_pinned(
    fetched: dict[str, Any], again: dict[str, Any]
) -> None:
    """Not with the order of the file, and with every other difference."""
    first, other = (pinned(one).digest for one in (fetched, again))
    assert (fetched == again) == (first == other)
    assert first == pinned(dict(reversed(fetched.items()))).digest


def test_a_lock_holds_what_it_names_and_one_pin_for_the_rest() -> None:
    """A reviewer sees the members that will be touched, with the attributes that policy reads."""
    body = locked(world(own={"iron": {"bulky": True}}), "coal", "iron", "salt")
    assert {
        "coal": {"bulky": False},
        "iron": {"bulky": True},
        "salt": {"bulky": True},
    } == body.resources["cargo"]
    assert {"catalogues.cargo", "resources.cargo.iron"} == {
        part for part in body.pins.environment if "cargo" in part
    }
    assert [] == drifted(body, world(own={"iron": {"bulky": True}}))


DRIFTED: dict[str, tuple[Callable[[], World], list[str]]] = {
    "a member that the plan does not name": (
        lambda: world({**MEMBERS, "tea": {}}),
        ["`catalogues.cargo` has changed"],
    ),
    "a member that it names is gone": (
        lambda: world({"iron": {}, "salt": {"bulky": True}}),
        ["`catalogues.cargo` has changed", "`resources.cargo.coal` is gone"],
    ),
    "a member that it names is otherwise": (
        lambda: world({**MEMBERS, "coal": {"bulky": True}}),
        ["`catalogues.cargo` has changed", "`resources.cargo.coal`: bulky false -> true"],
    ),
    "what holds of every member": (
        lambda: world(attributes={"bulky": True}),
        ["`catalogues.cargo` has changed", "`resources.cargo.coal`: bulky false -> true"],
    ),
    "where it comes from": (
        lambda: world(endpoint="http://127.0.0.1:9999"),
        ["`catalogues.cargo` has changed"],
    ),
    "the manifest says otherwise of a member": (
        lambda: world(own={"coal": {"bulky": True}}),
        ["`resources.cargo.coal`: bulky false -> true"],
    ),
    "there is no catalogue any more": (
        lambda: package().world("test"),
        ["`catalogues.cargo` is gone", "`resources.cargo.coal`: bulky is gone, was false"],
    ),
}


@pytest.mark.parametrize("what", DRIFTED)
def test_every_change_of_what_is_pinned_is_drift(what: str) -> None:
    """Named by its part, and by the member if the plan names it."""
    here, said = DRIFTED[what]
    assert said == drifted(locked(world(), "coal"), here())


def test_a_manifest_that_says_the_same_of_a_member_is_no_drift() -> None:
    """The member is what it was, whoever says so."""
    here = world(own={"coal": {"bulky": False}})
    assert [] == drifted(locked(world(), "coal"), here)


def test_what_was_the_manifests_own_word_and_is_no_longer_is_drift() -> None:
    """Though the catalogue still has the member: what policy reads of it may be another thing."""
    body = locked(world(own={"coal": {"bulky": True}}), "coal")
    (said,) = drifted(body, world())
    assert said.startswith("`resources.cargo.coal` is gone")


def test_a_lock_is_the_same_lock_on_any_machine() -> None:
    """It has the endpoint's placeholder and never what fills it."""
    first, again = (Lock.freeze(locked(world(), "coal")) for _ in range(2))
    assert first.digest == again.digest


@pytest.mark.parametrize("name", ["up} or vector(1) #", "a b", "", "1st", "up\n", "x" * 513])
def test_a_file_with_what_is_no_name_is_refused(name: str) -> None:
    """It was edited by hand, or comes from elsewhere."""
    assert not fits(Source.PROMETHEUS, name)
    with pytest.raises(ValueError, match=r"is not a name in prometheus|at (least|most)"):
        pinned({name: {}})


def test_a_change_is_what_came_and_what_went() -> None:
    """In order, and nothing where both are the same."""
    assert (("c",), ("a",)) == (change("ab", "bc").added, change("ab", "bc").removed)
    assert ((), ()) == (change("ab", "ba").added, change("ab", "ba").removed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A harbour whose cargo comes from a catalogue that is pinned."""
    root = copied(tmp_path)
    toml = root / "environments" / "test.toml"
    table = "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in TABLE.items() if name != "attributes"
    )
    toml.write_text(f"{toml.read_text()}\n[catalogues.cargo]\n{table}\nattributes = {{}}\n")
    write(root, {"kind": "cargo", "members": {"tea": {}}})
    return root


def write(root: Path, document: dict[str, Any]) -> Path:
    path = root / "environments" / "test.cargo.json"
    text = {"lockstep": "catalogue/1", "source": "prometheus", **document}
    path.write_text(json.dumps(text))
    return path


def test_a_world_reads_what_is_pinned_beside_its_manifest(folder: Path) -> None:
    """The members exist beside those that the manifest names."""
    cargo = load_package(folder).world("test").environment.resources["cargo"]
    assert {"coal", "grain", "tea"} == cargo.keys()
    assert {} == load_package(folder).manifest("test").resources["cargo"]["coal"]


def test_a_catalogue_that_is_not_pinned_is_an_error_that_says_what_to_do(folder: Path) -> None:
    """Missing is not empty; and a manifest can still be read, so that it can be pinned."""
    path = folder / "environments" / "test.cargo.json"
    path.unlink()
    loaded = load_package(folder)
    found = refusal(lambda: loaded.world("test"))
    assert ("LS-ENV-006", str(path), "run `lockstep pin --env test`") == (
        found.code,
        found.place,
        found.fix,
    )
    assert "there is no such file, and it should hold `cargo` from prometheus" == found.problem
    assert "cargo" in loaded.manifest("test").catalogues


def test_a_file_about_something_else_is_refused(folder: Path) -> None:
    """A file that was copied, or renamed, pins nothing."""
    write(folder, {"kind": "ship", "members": {"tea": {}}})
    found = refusal(lambda: load_package(folder).world("test"))
    assert "LS-ENV-006" == found.code
    assert (
        "holds `ship` from prometheus, and it should hold `cargo` from prometheus" == found.problem
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "LS-LOAD-002"),
        ('{"lockstep": "catalogue/1", "lockstep": "catalogue/1"}', "LS-LOAD-005"),
        ('{"lockstep": "catalogue/1"}', "LS-LOAD-007"),
        ('{"lockstep": "catalogue/2", "kind": "cargo", "source": "prometheus"}', "LS-LOAD-007"),
    ],
)
def test_a_broken_file_is_told_and_never_taken_for_empty(
    folder: Path, text: str, code: str
) -> None:
    """By the strict reader, as every document."""
    (folder / "environments" / "test.cargo.json").write_text(text)
    with pytest.raises(LockstepError, match=code):
        load_package(folder).world("test")


def test_a_link_that_leads_nowhere_is_told(folder: Path) -> None:
    """As in policy: it is not passed over."""
    path = folder / "environments" / "test.cargo.json"
    path.unlink()
    path.symlink_to("gone.json")
    assert "LS-LOAD-001" == refusal(lambda: load_package(folder).world("test")).code


@pytest.mark.parametrize("file", ["../x.json", "/etc/x.json", "x.toml", ".x.json", "a/b.json", ""])
def test_a_catalogues_file_lies_beside_its_manifest(file: str) -> None:
    """And nowhere else."""
    with pytest.raises(ValueError, match="catalogues"):
        manifest(file=file)


@pytest.mark.parametrize(
    ("declared", "expected"), [({}, Trust.UNTRUSTED), ({"trust": "trusted"}, Trust.TRUSTED)]
)
def test_a_model_that_reads_fetched_names_is_believed_where_somebody_vouches_for_them(
    declared: dict[str, str], expected: Trust
) -> None:
    """Whoever writes to the source chooses names; whoever reviews the file may say they are ours.
    A manifest without catalogues is written by the agent's own people.
    """
    assert Trust.TRUSTED is planner_reads(package().world("test"))
    table = CatalogueSource.model_validate(TABLE | declared)
    here = world_with(catalogues={"cargo": table})
    assert expected is planner_reads(here)
    assert ("trust" in declared) is ("trust" in table.model_dump(mode="json"))


def test_a_plan_is_believed_by_who_wrote_it() -> None:
    """A person's in any case; a model's as far as what it read."""
    here = world_with(catalogues={"cargo": CatalogueSource.model_validate(TABLE)})
    given = {"plan": {}, "agent": "harbour", "environment": "test", "by": BY}
    bill = {"calls": 1}
    asked = {"model": "m", "request": "r", "prompt": "sha256:0", "bill": bill}
    by_hand = Proposal.model_validate(given)
    by_model = Proposal.model_validate({**given, "planner": asked})
    assert (Trust.TRUSTED, Trust.UNTRUSTED) == (wrote(by_hand, here), wrote(by_model, here))
    assert Trust.TRUSTED is wrote(by_model, package().world("test"))
