"""Types of the settings with the addresses under which web pages and clients reach the service."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

_OWN_PATHS = frozenset({"v1", "page", "docs", "swagger", "openapi.json", "livez", "readyz", "metrics"})


def _to_prefix(path: str) -> str:
    """Return the path with a slash at its start and none at its end, or an empty string for the root."""
    steps = [step for step in path.split("/") if step]
    if not all(re.fullmatch(r"[\w.~-]+", step, re.ASCII) for step in steps):
        raise ValueError("use a path such as /groundwork, with letters, digits, '.', '_', '~' and '-'")
    if steps and steps[0] in _OWN_PATHS:
        raise ValueError(f"/{steps[0]} is a path of the service itself; choose another prefix")
    return "".join(f"/{step}" for step in steps)


def _split(value: Any) -> Any:
    """Return the names in a variable: separated by commas, or as a JSON array."""
    return [name for name in re.split(r'[\s,"\[\]]+', value) if name] if isinstance(value, str) else value


def _to_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"\*|(\*\.)?[\w.-]+|[\da-f:.]+", name, re.IGNORECASE):
            raise ValueError(f"{name} is not a host name; leave out scheme, port and path, as in rag.example.org")
    return tuple(name.lower() for name in names)


def _to_origins(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"\*|[a-z][a-z\d+.-]*://[^/\s*@]+/?", name, re.IGNORECASE):
            raise ValueError(f"{name} is not an origin; use scheme and host without a path, as in https://example.org")
    return tuple(name.lower().rstrip("/") for name in names)


PathPrefix = Annotated[str, AfterValidator(_to_prefix)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_to_hosts)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_to_origins)]
