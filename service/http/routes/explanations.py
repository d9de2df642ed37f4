"""`GET /v1/answers/{id}/explain`."""

from fastapi import APIRouter

from rag.errors import NotFound
from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.openapi import raises
from service.http.schemas.explanations import ExplanationResponse

router = APIRouter(prefix="/v1", tags=["answers"])


@router.get("/answers/{answer_id}/explain", openapi_extra=raises(NotFound))
async def explain(answer_id: str, resources: ResourcesDep, scope: ReadingScope) -> ExplanationResponse:
    """Explain an answer: all candidates with the reason for their selection, the prompt, versions and timings."""
    return ExplanationResponse.from_explanation(resources.explanations.explain(scope, answer_id), resources.settings)
