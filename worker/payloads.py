"""How values travel through Temporal: as pydantic writes and reads them, but that what cannot be
read becomes a value too.

Temporal decodes what a workflow is given before a line of it runs, and an exception there parks the
workflow. Where a type is expected, a misfit stays an exception: that is what our own activities
return, and one of another version is a bad deploy, which shall park runs and not end them.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter

from lockstep.unreadable import Unreadable


class TotalPayloadConverter(PydanticPayloadConverter):
    """Decodes every payload of which nothing is expected: to its value, or to an `Unreadable`."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        hints: Sequence[Any] = type_hints or ()
        return [
            self._decoded(payload, hints[at] if at < len(hints) else Any)
            for at, payload in enumerate(payloads)
        ]

    def _decoded(self, payload: Payload, hint: Any) -> Any:
        if hint is not Any:
            return super().from_payloads([payload], [hint])[0]
        with suppress(Exception):  # each encoding fails in its own way
            found = super().from_payloads([payload])[0]
            # One that looks like an object and is none would be an exception further on.
            if not isinstance(found, Message):
                return found
        encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
        return Unreadable.of(payload.data, encoding)


data_converter = DataConverter(payload_converter_class=TotalPayloadConverter)
