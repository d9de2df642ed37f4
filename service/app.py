"""The application: routes, error bodies, the page, and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from service.middleware import RequestTelemetry
from service.problems import add_problem_handlers
from service.resources import Resources
from service.routes import answers, documents, operations
from service.settings import Settings

_PAGE = Path(__file__).with_name("page")
_DESCRIPTION = "Documents in, cited answers streaming out."


def create_app(settings: Settings, resources: AbstractAsyncContextManager[Resources]) -> FastAPI:
    """`resources` is opened when the application starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with resources as held:
            yield {"resources": held}

    app = FastAPI(
        title="Groundwork",
        description=_DESCRIPTION,
        lifespan=lifespan,
        max_body_size=settings.max_document_bytes,
        redoc_url=None,
    )
    app.add_middleware(RequestTelemetry)
    add_problem_handlers(app)
    for router in (answers.router, documents.router, operations.router):
        app.include_router(router)
    app.mount("/page", StaticFiles(directory=_PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        headers = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "no-cache"}
        return FileResponse(_PAGE / "index.html", headers=headers)

    return app
