"""Data of the events of a streamed answer. That of the event `done` is an `AnswerResponse`."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from service.answering.drafts import Citation
from service.http.schemas.search import CitationOut
from service.writing.base import StepName


class SourcesEvent(BaseModel):
    """Data of the event `sources`: the passages that the markers of the answer refer to.

    If the answer is declined, they are the passages that came nearest.
    """

    sources: list[CitationOut]

    @classmethod
    def from_citations(cls, citations: Sequence[Citation]) -> Self:
        return cls(sources=[CitationOut.from_citation(citation) for citation in citations])


class TokenEvent(BaseModel):
    """Data of the event `token`: a piece of the answer's text."""

    text: str


class StepOut(BaseModel):
    """Data of the event `step`, in the mode `agentic` only. Its text has nothing of any document."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="Position from 1. Start and end of a step have the same number.")
    name: StepName = Field(
        description="plan: which searches the question needs. search. grade: which passages answer. reword: another "
        "search for what was not found. write. verify: each sentence against its source. repair: write again. stop: a "
        "bound was reached or the model failed, so the answer is written from what was found."
    )
    status: Literal["started", "done", "failed"]
    text: str = Field(examples=["Searching: When was the mill built?"])
