"""The error answers of the stand-in Qdrant server: codes and texts as measured on Qdrant 1.19."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import StatusCode

WRITES = frozenset({"Upsert", "Delete", "UpdateBatch", "SetPayload", "CreateFieldIndex"})
READS = frozenset({"QueryBatch", "Query", "Scroll", "Count", "Facet"})
CHANGES = frozenset({"Create", "UpdateAliases"})
_UNNAMED = re.compile(r"Collection (\S+) not found")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error answer. With `applied`, the call is carried out before it fails."""

    code: StatusCode
    text: str
    methods: frozenset[str] = WRITES
    applied: bool = False
    retry_after: int | None = None
    hangs: bool = False


LOST_NODE = Fault(
    StatusCode.INTERNAL,
    "Service internal error: 4 out of 6 shards failed to apply operation. First error captured: Service internal "
    "error: Failed to apply operation: Tonic status error: code: 'The service is currently unavailable', message: "
    '"tcp connect error", source: 10.0.0.7:6335',
    applied=True,
)
NEW_COLLECTION = Fault(
    StatusCode.INTERNAL,
    "Service internal error: Failed to apply operation to at least one `Active` replica. "
    "Consistency of this update is not guaranteed. Please retry.",
)
TWO_LOST_NODES = Fault(StatusCode.INTERNAL, "Service internal error: 2 of 2 read operations failed: 10.0.0.7", READS)
HANGING_NODE = Fault(StatusCode.DEADLINE_EXCEEDED, "", WRITES, applied=True, hangs=True)
SLOW_CHANGE = Fault(StatusCode.INTERNAL, "Service internal error: Timeout expired", CHANGES, applied=True)
SLOW_DELETION = Fault(
    StatusCode.INTERNAL,
    "Service internal error: Waiting for consensus operation commit failed. Timeout set at: 10 seconds",
    frozenset({"DeleteCollection"}),
    applied=True,
)
FULL_DISK = Fault(StatusCode.INTERNAL, "No space left on device: WAL buffer size exceeds available disk space", WRITES)
RATE_LIMIT = Fault(
    StatusCode.RESOURCE_EXHAUSTED, "Rate limiting exceeded: Write rate limit exceeded", WRITES, retry_after=1
)


class Faults(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types.
    """Answers calls with errors before or after they reach the server."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._times = 0
        self.answered = 0
        """Number of calls that got an error of `answer_with`."""
        self.released = asyncio.Event()
        """Ends hanging calls."""

    def answer_with(self, fault: Fault | None, *, times: int = 1 << 30) -> None:
        """Answer the next so many calls of its methods with this error. None: no more errors."""
        self._fault, self._times, self.answered = fault, times, 0

    async def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = await continuation(details)
        service, _, method = details.method.rpartition("/")
        name = "DeleteCollection" if (service.endswith("Collections"), method) == (True, "Delete") else method

        async def answer(request: Any, context: Any) -> Any:
            fault = self._take(name)
            if fault is None:
                return await self._call(handler, request, context)
            if fault.applied:
                await self._call(handler, request, context)
            if fault.hangs:
                await self.released.wait()
            after = (("retry-after", str(fault.retry_after)),) if fault.retry_after else ()
            return await context.abort(fault.code, fault.text, after)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _take(self, method: str) -> Fault | None:
        if self._fault is None or self._times == 0 or method not in self._fault.methods:
            return None
        self._times -= 1
        self.answered += 1
        return self._fault

    async def _call(self, handler: Any, request: Any, context: Any) -> Any:
        try:
            return await handler.unary_unary(request, context)
        except (ValueError, KeyError) as error:
            # Local mode names the same mistakes in other words.
            missing = _UNNAMED.search(str(error))
            if missing or isinstance(error, KeyError):
                name = missing[1] if missing else getattr(request, "collection_name", "")
                await context.abort(StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
            if "dimension" in str(error) or "broadcast" in str(error):
                await context.abort(StatusCode.INVALID_ARGUMENT, f"Wrong input: Vector dimension error: {error}")
            raise
