"""`/v1/answers/{id}/feedback`: ratings of answers."""

from fastapi import APIRouter, Depends

from rag.errors import InvalidInput, NotFound
from service.http.dependencies import ReadingScope, ResourcesDep, require_json
from service.http.openapi import raises
from service.http.schemas.feedback import FeedbackRequest

router = APIRouter(prefix="/v1/answers/{answer_id}/feedback", tags=["feedback"])


@router.post("", status_code=204, dependencies=[Depends(require_json)], openapi_extra=raises(InvalidInput, NotFound))
async def rate(answer_id: str, body: FeedbackRequest, resources: ResourcesDep, scope: ReadingScope) -> None:
    """Rate an answer. A later rating replaces an earlier one."""
    await resources.feedback.rate(scope, answer_id, body.rating, reason=body.reason, correction=body.correction)


@router.delete("", status_code=204, openapi_extra=raises(NotFound))
async def withdraw(answer_id: str, resources: ResourcesDep, scope: ReadingScope) -> None:
    """Delete the rating of an answer."""
    await resources.feedback.withdraw(scope, answer_id)
