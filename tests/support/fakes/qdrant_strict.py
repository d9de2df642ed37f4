"""Strict mode of the stand-in Qdrant server, as Qdrant Cloud sets it: a filter needs an index of each of its fields."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import grpc
from grpc import StatusCode
from qdrant_client import grpc as wire


class Strict(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls on points whose filter, order or facet names a field without an index."""

    def __init__(self) -> None:
        self.indexed = defaultdict[str, set[str]](set)
        self.refused: list[str] = []

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        if not details.method.startswith("/qdrant.Points/"):
            return handler

        async def checked(request: Any, context: Any) -> Any:
            indexed = self.indexed[request.collection_name]
            if isinstance(request, wire.CreateFieldIndexCollection):
                indexed.add(request.field_name)
            elif missing := set(_fields(request)) - indexed:
                self.refused += missing
                said = f'Bad request: Index required but not found for "{min(missing)}" of one of the following types'
                await context.abort(StatusCode.INVALID_ARGUMENT, said)
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            checked, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


def _fields(message: Any) -> Iterator[str]:
    """Yield the payload fields by which the request filters, orders or counts."""
    if isinstance(message, wire.FieldCondition | wire.OrderBy | wire.FacetCounts):
        yield message.key
    for _, value in message.ListFields():
        # A repeated or a single message. Maps, such as payloads, have no conditions.
        for part in [value] if hasattr(value, "ListFields") else value if hasattr(value, "MergeFrom") else []:
            if hasattr(part, "ListFields"):
                yield from _fields(part)
