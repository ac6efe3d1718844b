"""What came in and cannot be read is refused like anything malformed, and says why."""

import pytest
from temporalio.api.common.v1 import Payload

from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.unreadable import Unreadable, received
from worker.payloads import TotalPayloadConverter


class Order(Record):
    """Something that a workflow may be given."""

    size: int


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"[" * 500 + b"]" * 500, "LS-LOAD-004", "nested more than"),
        (b"9" * 6000, "LS-LOAD-006", "is not a JSON number"),
        (b'"\\ud800"', "LS-LOAD-002", "half a surrogate pair"),
        (b"\xff\xfe", "LS-LOAD-002", "not UTF-8"),
        (b"{", "LS-LOAD-002", "not JSON"),
        (b"", "LS-LOAD-002", "not JSON"),
        (b"7", "LS-LOAD-002", "cannot be read as `json/plain`"),
    ],
)
def test_the_strict_reader_says_what_is_wrong(data: bytes, code: str, says: str) -> None:
    """Of bytes that nobody can decode; also where it knows nothing against them."""
    found = Unreadable.of(data, "json/plain").finding
    assert code == found.code
    assert says in found.problem


def test_what_is_told_is_short_whatever_was_sent() -> None:
    """A failure travels in the history, and one of a megabyte would park the workflow itself."""
    key = b"k" * 900_000
    for data in (b'{"%b": 1, "%b": 2} {' % (key, key), key, b'"%b' % key, b"1" + b"0" * 900_000):
        assert len(str(Unreadable.of(data, "json/plain").finding)) < 300


def test_another_encoding_is_named_and_cut() -> None:
    """A megabyte of name is not repeated, and what was sent is not shown."""
    found = Unreadable.of(b"secret", "x" * 1_000_000).finding
    assert "LS-LOAD-002" == found.code
    assert len(str(found)) < 200
    assert "secret" not in str(found)


def refused(*arguments: object) -> Finding:
    with pytest.raises(LockstepError) as error:
        received(Order, arguments, "order")
    return error.value.findings[0]


def test_one_argument_is_the_noun() -> None:
    """What fits is taken."""
    assert Order(size=3) == received(Order, ({"size": 3},), "order")


def test_what_cannot_be_read_is_refused_wherever_it_stands() -> None:
    """Alone, or beside arguments that could be read."""
    bad = Unreadable.of(b"{", "json/plain")
    for arguments in ((bad,), ({"size": 3}, bad), (bad, {"size": 3})):
        assert ("LS-LOAD-002", "order") == (refused(*arguments).code, refused(*arguments).place)


@pytest.mark.parametrize("message", [b"google.protobuf.Struct", b"temporal.api.common.v1.Payload"])
def test_a_message_that_looks_like_an_object_is_none(message: bytes) -> None:
    """The server's own kind of value can be decoded, and nothing of ours is made of it."""
    told = {"encoding": b"json/protobuf", "messageType": message}
    (given,) = TotalPayloadConverter().from_payloads([Payload(metadata=told, data=b"{}")])
    assert "LS-LOAD-002" == refused(given).code


def test_several_arguments_are_something_else() -> None:
    """Two requests are none."""
    assert "LS-LOAD-007" == refused({"size": 3}, {"size": 4}).code
