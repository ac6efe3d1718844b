"""Where something stands in a document."""


def pointer(parts: tuple[int | str, ...]) -> str:
    """RFC 6901 for a path of keys and indexes."""
    if not parts:
        return ""
    plain = "/" + "/".join(map(str, parts))
    if "~" not in plain and plain.count("/") == len(parts):
        return plain
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
