"""Probes and metrics for operators and orchestrators."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel

from rag.errors import Unavailable
from rag.types import FIRST_CHUNKS, Scope
from service.http.dependencies import ResourcesDep

router = APIRouter(tags=["operations"])


class StatusResponse(BaseModel):
    """The result of a probe."""

    status: Literal["ok", "unavailable", "stopping"]
    detail: dict[str, Any] = {}


@router.get("/livez")
async def livez() -> StatusResponse:
    """Report that the process answers. It checks no dependency, because a restart would not repair one."""
    return StatusResponse(status="ok")


@router.get("/readyz")
async def readyz(resources: ResourcesDep, response: Response) -> StatusResponse:
    """Report whether the store answers and the service is not stopping. The models are loaded before the start."""
    if resources.stopping.is_set():
        response.status_code = 503
        return StatusResponse(status="stopping")
    try:
        async for _ in resources.store.scroll(Scope(tenant=""), FIRST_CHUNKS):
            break
    except Unavailable as error:
        response.status_code = 503
        return StatusResponse(status="unavailable", detail={"store": str(error)})
    return StatusResponse(status="ok")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus's text format, or in OpenMetrics with exemplars if the client accepts it."""
    render, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(render(REGISTRY), headers={"Content-Type": content_type})
