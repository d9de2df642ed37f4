"""Bodies of `/v1/answers`."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.answering.drafts import Answer, Membership
from service.generation.base import FinishReason
from service.http.schemas.events import StepOut
from service.http.schemas.search import CitationOut, Reranking, SearchRequest, Timings
from service.settings import Mode
from service.writing.base import Groundedness

ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class AnswerRequest(SearchRequest):
    """A question to answer."""

    mode: Mode | None = Field(None, description="How to write the answer. Unset: the configured mode.")
    conversation_id: ConversationId | None = Field(
        None,
        description="A name of your choice, such as a random UUID. The question may refer to earlier questions "
        "of the conversation, and its answer is kept there. Unset: the question stands alone, and nothing is kept.",
        examples=["5f0c1d9e-6a37-4f6e-9d1b-0a8f3e6c2b41"],
    )
    stream: bool = Field(
        False,
        description="True: stream `sources`, then `token` events, then `done` or `error`. "
        "In the mode `agentic`, `step` events tell what is being done.",
    )


class ConversationOut(BaseModel):
    """The conversation that an answer belongs to."""

    id: str
    is_kept: bool = Field(
        description="False if the shared state could not be reached: the answer was written without the earlier turns, "
        "or later turns will not know it."
    )

    @classmethod
    def from_membership(cls, membership: Membership) -> Self:
        return cls(id=membership.conversation_id, is_kept=membership.is_kept)


class UsageOut(BaseModel):
    """Tokens counted by the model server. Null without a model or if the server does not report them."""

    model_config = ConfigDict(from_attributes=True)

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class PromptVersionOut(BaseModel):
    """The prompt version that the model received."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    version: str
    hash: str = Field(description="First 12 hex digits of the SHA-256 of the template text.")


class UnsupportedSentence(BaseModel):
    """A sentence of the answer that the passages do not support."""

    text: str
    start: int = Field(description="Position of its first character in the answer, from 0, in Unicode code points.")
    citations: list[int] = Field(description="Numbers of the passages that it cites.")


class GroundednessOut(BaseModel):
    """How far the passages support the sentences of the answer."""

    supported: int = Field(description="Sentences that the passages support.")
    unsupported: list[UnsupportedSentence] = Field(description="Sentences that claim something without support.")
    withheld: int = Field(description="Sentences that were left out, if RAG_ANSWERING__UNSUPPORTED=withhold.")

    @classmethod
    def from_groundedness(cls, groundedness: Groundedness, text: str) -> Self:
        unsupported = [
            UnsupportedSentence(text=text[it.start : it.end], start=it.start, citations=list(it.cited))
            for it in groundedness.unsupported
        ]
        return cls(supported=groundedness.supported, unsupported=unsupported, withheld=groundedness.withheld)


class AnswerResponse(BaseModel):
    """An answer with its citations."""

    id: str
    question: str = Field(
        description="The question that was searched and answered. It differs from the asked one if the question is a "
        "follow-up that was rewritten to stand alone."
    )
    answer: str
    declined: bool = Field(
        description="True if nothing near enough was found, and no model was called, or if everything that it wrote "
        "was withheld. In the mode `agentic` also if the model finds no answer in the passages."
    )
    unsure: bool = Field(
        description="True if the answer is not declined, but the probability that the quotes answer is unknown or "
        "below RAG_ANSWERING__SURE_CONFIDENCE. The text then begins with a paragraph that says so. Only in the modes "
        "`quote` and `checked`."
    )
    citations: list[CitationOut]
    nearest: list[CitationOut] = Field(
        description="The passages that came nearest, if the answer was declined. Empty otherwise."
    )
    groundedness: GroundednessOut | None = Field(
        description="Null if the answer was not checked: text of `generate` and `agentic` is."
    )
    corrected: str | None = Field(
        description="The question as it was searched, with misspelt words corrected. Null if none was."
    )
    usage: UsageOut
    finish_reason: FinishReason | None = Field(
        description="Why the model stopped. With `length` the answer is cut off at RAG_ANSWERING__MAX_TOKENS, with "
        "`content_filter` the model server removed text. Null if no model wrote the answer, or its server gave no "
        "such reason."
    )
    timings: Timings
    model: str
    mode: Mode
    prompt: PromptVersionOut | None = Field(description="Null if no model was called.")
    reranking: Reranking
    steps: list[StepOut] = Field(description="The finished steps. Only in the mode `agentic`.")
    conversation: ConversationOut | None = Field(None, description="Null if the question did not name a conversation.")

    @classmethod
    def from_answer(cls, answer: Answer) -> Self:
        return cls(
            id=answer.id,
            question=answer.question,
            answer=answer.text,
            declined=answer.declined,
            unsure=answer.unsure,
            citations=[CitationOut.from_citation(citation) for citation in answer.citations],
            nearest=[CitationOut.from_citation(citation) for citation in answer.nearest],
            groundedness=answer.groundedness and GroundednessOut.from_groundedness(answer.groundedness, answer.text),
            corrected=answer.writing_input.corrected or None,
            usage=answer.usage or UsageOut(),
            finish_reason=answer.finish_reason,
            timings=answer.timings,
            model=answer.model,
            mode=answer.mode,
            prompt=answer.prompt,
            reranking=answer.reranking,
            steps=[StepOut.model_validate(step) for step in answer.steps],
            conversation=answer.membership and ConversationOut.from_membership(answer.membership),
        )
