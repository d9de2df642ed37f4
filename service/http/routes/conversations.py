"""`/v1/conversations`: the conversations of the tenant."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from rag.errors import InvalidInput, NotFound
from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.openapi import raises
from service.http.schemas.answers import ConversationId
from service.http.schemas.conversations import ConversationListResponse, ConversationResponse, from_cursor

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

# Each conversation of a page is read with its turns.
_MAX_PAGE = 100
_UNCACHED = {"Cache-Control": "no-store"}

_ConversationPath = Annotated[ConversationId, Path(description="The `conversation_id` of its questions.")]


@router.get("", openapi_extra=raises(InvalidInput))
async def list_conversations(
    resources: ResourcesDep,
    scope: ReadingScope,
    response: Response,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE, description="Conversations of a page.")] = 20,
) -> ConversationListResponse:
    """List conversations in pages, the one with the latest turn first."""
    response.headers.update(_UNCACHED)
    before = from_cursor(cursor) if cursor else None
    page = await resources.conversations.page(scope, before=before, limit=limit + 1)
    return ConversationListResponse.from_page(page, limit=limit)


@router.get("/{conversation_id}", openapi_extra=raises(NotFound))
async def get_conversation(
    conversation_id: _ConversationPath, resources: ResourcesDep, scope: ReadingScope, response: Response
) -> ConversationResponse:
    """Return a conversation with its turns."""
    response.headers.update(_UNCACHED)
    return ConversationResponse.model_validate(await resources.conversations.read(scope, conversation_id))


@router.delete("/{conversation_id}", status_code=204, openapi_extra=raises(NotFound))
async def delete_conversation(conversation_id: _ConversationPath, resources: ResourcesDep, scope: ReadingScope) -> None:
    """Delete a conversation with its turns."""
    await resources.conversations.delete(scope, conversation_id)
