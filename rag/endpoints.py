"""Addresses and keys of servers with OpenAI's API, Azure's forms included (ADR 70)."""

from pydantic import AnyUrl, SecretStr

from rag.http import bearer_header


def endpoint_of(base: AnyUrl | str, path: str) -> str:
    """Return the address of a path below a base URL, whose query stays at the end.

    The base may already end with the path, because Azure's portal shows the whole address.
    """
    address, mark, query = str(base).partition("?")
    return f"{address.rstrip('/').removesuffix(f'/{path}')}/{path}{mark}{query}"


def key_header(key: SecretStr | None, url: AnyUrl | None) -> dict[str, str]:
    """Return the header that carries an API key: a bearer token, or what Azure wants at addresses with a version."""
    if key and url and "api-version" in dict(url.query_params()):
        return {"api-key": key.get_secret_value().strip()}
    return bearer_header(key)
