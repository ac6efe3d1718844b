"""The tools of the harbour: they do nothing, but declare all that a tool can declare.

What they take and give is nested, optional, a union or a list where a plan could get it wrong.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from lockstep import Call, Record, Resource, tool

ShipName = Annotated[str, Resource("ship")]
Cargo = Annotated[str, Resource("cargo")]


class Ship(Record):
    """One ship, as it lies there."""

    name: str
    tons: float
    flag: str | None = None


class Fleet(Record):
    """All ships that were asked for."""

    ships: list[Ship]
    names: list[str]
    count: int


class Span(Record):
    """So many days before today."""

    days: int = Field(ge=1, le=365)


class Since(Record):
    """From a date on."""

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class ListShipsInput(Record):
    """Which ships; `when` is a span of days or a date."""

    cargo: list[Cargo] = Field(min_length=1, max_length=50)
    berth: Literal["north", "south"] = "north"
    when: Span | Since = Span(days=7)


@tool(
    "ListShips",
    effect="read",
    timeout=timedelta(seconds=30),
    attempts=2,
    signals=("FogTooThick",),
    tokens=10,
)
def list_ships(request: ListShipsInput) -> Fleet:
    """List the ships that carry any of the cargo."""
    return Fleet(ships=[], names=[], count=0)


class Per(Record):
    """Per ship or per day, and how often."""

    unit: Literal["ship", "day"] = "ship"
    times: int = 1


class Limit(Record):
    """The most that may lie here."""

    tons: float = 1000
    per: Per = Per()


class WeighCargoInput(Record):
    """The ships to weigh, and what they are held to."""

    ships: list[Ship]
    limit: Limit = Limit()


class Weight(Record):
    """What it comes to."""

    tons: float
    heaviest: str


@tool("WeighCargo", effect="read")
def weigh_cargo(request: WeighCargoInput) -> Weight:
    """Weigh what the ships carry."""
    return Weight(tons=0, heaviest="")


class PostNoticeInput(Record):
    """The notice; `extra` is whatever else stands on it."""

    text: str = Field(min_length=1, max_length=200)
    weight: Weight | None = None
    extra: dict[str, str] = {}


class Notice(Record):
    """Where it hangs."""

    url: str


@tool("PostNotice", effect="write", idempotency="keyed", timeout=timedelta(seconds=20))
def post_notice(request: PostNoticeInput, call: Call) -> Notice:
    """Hang a notice on the board, once."""
    return Notice(url=f"{call.endpoint}/{call.idempotency_key}")


class ScuttleShipInput(Record):
    """The ship that is to go down."""

    ship: ShipName
    crew: list[ShipName] = []


class Gone(Record):
    """What lies below."""

    name: str


@tool("ScuttleShip", effect="destructive")
def scuttle_ship(request: ScuttleShipInput) -> Gone:
    """Sink a ship. It cannot be done twice."""
    return Gone(name=request.ship)


class FireCannonInput(Record):
    """How often."""

    shots: int = 1


@tool("FireCannon", effect="write")
def fire_cannon(request: FireCannonInput) -> Gone:
    """Wake the town."""
    return Gone(name="silence")
