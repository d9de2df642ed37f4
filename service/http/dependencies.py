"""Dependencies of routes: the resources and the scope of the caller."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rag.errors import Forbidden
from rag.types import Scope
from service.auth.keys import Caller
from service.resources import Resources

_bearer = HTTPBearer(auto_error=False, description="API key from `python -m service keys create`.")


async def _resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(_resources)]


async def _caller(
    resources: ResourcesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    return resources.keys.authenticate(credentials.credentials if credentials else None)


async def _reading_scope(caller: Annotated[Caller, Depends(_caller)]) -> Scope:
    return caller.scope


async def _writing_scope(caller: Annotated[Caller, Depends(_caller)]) -> Scope:
    if caller.role != "writer":
        raise Forbidden("This key has the role reader. To upload or delete, use a key with the role writer.")
    return caller.scope


async def require_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON: FastAPI would report its first field as missing."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(415, "The body must be JSON. Send it with the header `Content-Type: application/json`.")


ReadingScope = Annotated[Scope, Depends(_reading_scope)]
WritingScope = Annotated[Scope, Depends(_writing_scope)]
