"""The ASGI application: middleware, error handlers, routes and the web page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from fastapi_swagger import patch_fastapi
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from rag import __version__
from service.http.middleware import BodyLimit, RequestTelemetry, declare_routes
from service.http.problems import add_problem_handlers
from service.http.routes import answers, documents, explanations, operations
from service.resources import Resources

_PAGE = Path(__file__).with_name("page")
_REVALIDATE = {"Cache-Control": "no-cache"}
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'self'"} | _REVALIDATE


def create_app(resources: Resources) -> FastAPI:
    """Create the application. The caller opens the resources and closes them after the application has stopped."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"resources": resources}

    app = FastAPI(
        title="Groundwork",
        version=__version__,
        description="Documents in, cited answers streaming out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        telemetry=TelemetryConfig(
            operation_spans=False, metrics=False, logs=False, exclude=lambda scope: not scope["path"].startswith("/v1/")
        ),
    )
    # Serves Swagger UI from a package instead of a CDN, so that /docs works offline.
    patch_fastapi(app, redirect_from_root_to_docs=False)
    app.add_middleware(BodyLimit, document_bytes=resources.settings.max_document_bytes)
    if resources.settings.is_loopback:
        # On loopback no key is needed. Without this check a foreign web page could read the API by DNS rebinding.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    app.add_middleware(RequestTelemetry)
    add_problem_handlers(app)
    for router in (answers.router, explanations.router, documents.router, operations.router):
        app.include_router(router)
        declare_routes(route.path for route in router.routes if isinstance(route, APIRoute))
    app.mount("/page", _PageFiles(directory=_PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html", headers=_PAGE_HEADERS)

    return app


class _PageFiles(StaticFiles):
    """Static files that the browser revalidates by ETag, so that it never mixes the files of two versions."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_REVALIDATE)
        return response
