"""A file of an agent package, by its place in it: relative, with `/`, never upwards."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FILE = rf"^({_PART}/)*{_PART}\.json$"
_LONGEST = 200


def _within(file: str) -> str:
    # No part may begin with a dot, so none leads upwards; a link may still, and is looked at when
    # the file is read.
    if len(file) > _LONGEST or not re.fullmatch(_FILE, file):
        raise ValueError(
            "wanted a JSON file inside the agent package, such as `mocks/metrics.json`"
        )
    return file


PackageFile = Annotated[
    str,
    AfterValidator(_within),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": _FILE}),
]
