"""The ASGI application: middleware, error handlers, routes and the web page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from rag import __version__
from service.http.entrance import Entrance, HeadAsGet, PathPrefix
from service.http.failures import ErrorResponses
from service.http.middleware import BodyLimit, RequestTelemetry, declare_routes
from service.http.openapi import describe
from service.http.problems import add_problem_handlers
from service.http.routes import (
    answers,
    chat,
    conversations,
    documents,
    explanations,
    feedback,
    operations,
    responses,
)
from service.resources import Resources

_PAGE = Path(__file__).with_name("page")
_REVALIDATE = {"Cache-Control": "no-cache"}
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'self'"} | _REVALIDATE
# Swagger UI writes styles into its elements and draws its icons from data URLs.
_DOCS_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_DOCS_HEADERS = {"Content-Security-Policy": _DOCS_POLICY} | _REVALIDATE


def create_app(resources: Resources) -> FastAPI:
    """Create the application. The caller opens the resources and closes them after the application has stopped."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"resources": resources}

    settings = resources.settings
    app = FastAPI(
        title="Groundwork",
        version=__version__,
        description="Documents in, cited answers streaming out.",
        lifespan=lifespan,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        # A redirect would name the scheme and the host of the connection, which a proxy in front may have changed.
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        telemetry=TelemetryConfig(
            operation_spans=False,
            metrics=False,
            logs=False,
            auto_configure=False,
            exclude=lambda scope: not scope["path"].removeprefix(settings.root_path).startswith("/v1/"),
        ),
    )
    _add_middleware(app, resources)
    add_problem_handlers(app, root_path=settings.root_path)
    for routes in (answers, explanations, feedback, conversations, chat, responses, documents, operations):
        app.include_router(routes.router)
        declare_routes(route.path_format for route in routes.router.routes if isinstance(route, APIRoute))
    app.mount("/page", _PageFiles(directory=_PAGE))
    # Swagger UI comes from a package instead of a CDN, so that /docs works offline.
    app.mount("/swagger", _PageFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        # The links of the page are relative, so its address must end with a slash.
        if not request.scope.get("raw_path", b"/").endswith(b"/"):
            return RedirectResponse(f"{settings.root_path}/")
        return FileResponse(_PAGE / "index.html", headers=_PAGE_HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_PAGE / "docs.html", headers=_DOCS_HEADERS)

    prompt_versions = [prompt.version for prompt in resources.prompts.identities]
    describe(app, question_chars=settings.max_question_chars, prompt_versions=prompt_versions)
    return app


def _add_middleware(app: FastAPI, resources: Resources) -> None:
    """Wrap the routes. The last one added receives a request first."""
    settings = resources.settings
    app.add_middleware(BodyLimit, document_bytes=settings.max_document_bytes)
    app.add_middleware(
        Entrance,
        keys=resources.keys,
        is_loopback=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=settings.cors_origins,
    )
    # Inside CORS, whose headers let a page of another origin read an error.
    app.add_middleware(ErrorResponses, stopping=resources.stopping)
    app.add_middleware(HeadAsGet)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "Location", "ETag", "Retry-After"],
        )
    app.add_middleware(RequestTelemetry, patience_seconds=settings.answering.first_text_seconds)
    if settings.root_path:
        app.add_middleware(PathPrefix, prefix=settings.root_path)


class _PageFiles(StaticFiles):
    """Static files that the browser revalidates by ETag, so that it never mixes the files of two versions."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_REVALIDATE)
        return response
