"""What may be shown of an address: host and port. The rest of it can hold a password."""

from urllib.parse import urlsplit


def host_and_port(url: str) -> str | None:
    """As they stand there; None where it is not the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in ("http", "https") or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
