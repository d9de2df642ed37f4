"""What operators and orchestrators ask: alive, ready, metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from rag.errors import Unavailable
from rag.types import FIRST_CHUNKS, Scope
from service.http.dependencies import ResourcesDep
from service.http.schemas import Status

router = APIRouter(tags=["operations"])

_NO_TENANT = Scope(tenant="")


@router.get("/livez")
async def livez() -> Status:
    """The process answers. It asks nothing else: a restart mends no dependency."""
    return Status(status="ok")


@router.get("/readyz")
async def readyz(resources: ResourcesDep, response: Response) -> Status:
    """The models are loaded (the service does not start without them), the store answers, and nobody stops it."""
    if resources.stopping.is_set():
        response.status_code = 503
        return Status(status="stopping")
    try:
        async for _ in resources.store.scroll(_NO_TENANT, FIRST_CHUNKS):
            break
    except Unavailable as error:
        response.status_code = 503
        return Status(status="unavailable", detail={"store": str(error)})
    return Status(status="ok")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus's text format, or OpenMetrics, which has exemplars, for whoever asks for it."""
    render, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(render(REGISTRY), headers={"Content-Type": content_type})
