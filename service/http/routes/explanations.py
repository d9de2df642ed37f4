"""`GET /v1/answers/{id}/explain`."""

from fastapi import APIRouter

from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.schemas.explanations import ExplanationResponse

router = APIRouter(prefix="/v1", tags=["answers"])


@router.get("/answers/{answer_id}/explain")
async def explain(answer_id: str, resources: ResourcesDep, scope: ReadingScope) -> ExplanationResponse:
    """Explain an answer: all candidates with the reason for their selection, the prompt, versions and timings."""
    return ExplanationResponse.from_explanation(resources.explanations.explain(scope, answer_id), resources.settings)
