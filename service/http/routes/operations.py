"""Probes and metrics for operators and orchestrators."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field

from rag.errors import GroundworkError
from rag.tasks import ended_tasks
from rag.types import FIRST_CHUNKS, Scope
from service.embedder_probe import OK
from service.http.dependencies import ResourcesDep
from service.resources import Resources

# A probe has a second by default, and an unreachable shared state must not fail it.
_STATE_SECONDS = 0.5

router = APIRouter(tags=["operations"])


class StatusResponse(BaseModel):
    """The result of a probe."""

    status: Literal["ok", "unavailable", "stopping"]
    detail: dict[str, str] = Field({}, description="State of each part: ok, or what is wrong with it.")


@router.get("/livez")
async def livez() -> StatusResponse:
    """Report that the process answers. It checks no dependency, because a restart would not repair one."""
    return StatusResponse(status="ok")


@router.get("/readyz", responses={503: {"model": StatusResponse}})
async def readyz(resources: ResourcesDep, response: Response) -> StatusResponse:
    """Report whether this process can answer questions, with the state of each part.

    The status is 503 if the store, the embedder or the key file fails, an essential task ended, or the process stops.
    The state of the worker does not change the status, because it only delays new documents.
    The shared state does not change it either, because answers come without it.
    """
    if resources.stopping.is_set():
        response.status_code = 503
        return StatusResponse(status="stopping")
    ended = ended_tasks()
    detail = {
        "store": await _store_state(resources),
        "embedder": await resources.embedder_probe.state(),
        "keys": _keys_state(resources),
        "worker": str(resources.workers.status),
        "state": await _state_state(resources),
    }
    detail |= {it.name: f"ended: {it.reason}" for it in ended}
    if detail["store"] == detail["embedder"] == detail["keys"] == OK and not any(it.essential for it in ended):
        return StatusResponse(status="ok", detail=detail)
    response.status_code = 503
    return StatusResponse(status="unavailable", detail=detail)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"application/openmetrics-text": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus's text format, or in OpenMetrics with exemplars if the client accepts it."""
    render, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(render(REGISTRY), headers={"Content-Type": content_type})


def _keys_state(resources: Resources) -> str:
    try:
        resources.keys.check()
    except GroundworkError as error:
        return str(error)
    return OK


async def _state_state(resources: Resources) -> str:
    try:
        async with asyncio.timeout(_STATE_SECONDS):
            await resources.state.check()
    except GroundworkError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {_STATE_SECONDS:g} s"
    return OK


async def _store_state(resources: Resources) -> str:
    try:
        async for _ in resources.store.scroll(Scope(tenant=""), FIRST_CHUNKS):
            break
    except GroundworkError as error:
        return str(error)
    return OK
