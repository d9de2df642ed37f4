"""API keys and tokens of the stand-in Qdrant server, refused as Qdrant 1.19 refuses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import StatusCode
from qdrant_client import grpc as wire

_MANAGING = {"/qdrant.Collections/Create", "/qdrant.Collections/Delete", "/qdrant.Collections/UpdateAliases"}
_WRITING = {f"/qdrant.Points/{name}" for name in ("Upsert", "UpdateBatch", "Delete", "CreateFieldIndex")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key may do."""

    manages: bool = False
    writes: bool = False
    names: frozenset[str] | None = None
    """Collections and aliases that a token names. None: all."""


MANAGE = Grant(manages=True, writes=True)
READ_ONLY = Grant()


class Rights(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Accepts the keys of `grants`, which may change while the server runs, and counts what it refuses."""

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self.grants = dict(grants)
        self.refused: list[str] = []

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        if details.method == "/qdrant.Qdrant/HealthCheck":
            return handler
        key = dict(details.invocation_metadata).get("api-key")

        async def guarded(request: Any, context: Any) -> Any:
            grant = self.grants.get(key or "")
            if grant is None:
                said = "Invalid API key or JWT" if key else "Must provide an API key or an Authorization bearer token"
                await context.abort(StatusCode.UNAUTHENTICATED, said)
            if reason := _refusal(grant, details.method, request):
                self.refused.append(details.method)
                await context.abort(StatusCode.PERMISSION_DENIED, f"Forbidden: {reason}")
            return _filtered(grant, await handler.unary_unary(request, context))

        return grpc.unary_unary_rpc_method_handler(
            guarded, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


def _refusal(grant: Grant, method: str, request: Any) -> str:
    """Return why the call is refused, or ""."""
    if method in _MANAGING and not grant.manages:
        return "Global manage access is required"
    name = getattr(request, "collection_name", "")
    if grant.names is not None and name and name not in grant.names:
        return f"Access to collection {name} is required"
    return f"Write access to collection {name} is required" if method in _WRITING and not grant.writes else ""


def _filtered(grant: Grant, answer: Any) -> Any:
    """Return the answer without the names that the key does not name."""
    if grant.names is None:
        return answer
    match answer:
        case wire.ListAliasesResponse():
            named = [it for it in answer.aliases if {it.alias_name, it.collection_name} <= grant.names]
            return wire.ListAliasesResponse(aliases=named)
        case wire.ListCollectionsResponse():
            return wire.ListCollectionsResponse(collections=[it for it in answer.collections if it.name in grant.names])
        case _:
            return answer
