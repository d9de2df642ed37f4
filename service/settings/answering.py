"""Settings of answers: passages, text, prompt, conversations and feedback."""

from typing import Literal

from pydantic import Field

from rag.settings import ExpandedPath, Part

Mode = Literal["quote", "checked", "generate", "agentic"]
"""How an answer is written.

quote      the best sentences of the passages, word for word
checked    sentences of the model that a quote supports, then the quotes
generate   the text of the model
agentic    the text of the model after several searches, with its unsupported sentences left out
"""

Support = Literal["meaning", "wording"]
"""What supports a sentence of a model: a passage that means the same, or one that has nearly all of its words."""


class RetrievalSettings(Part):
    """How many passages an answer uses and how close to the question they must be."""

    limit: int = Field(5, ge=1, le=50)
    """Passages for one answer. The modes that quote read all candidates of the search."""
    min_similarity: float = Field(0.28, ge=-1, le=1)
    """Lowest relevance of the best passage: its cosine, adjusted by up to 0.1 for shared words. Below it the service
    declines the question. A higher value declines more questions; -1 declines none for this reason.
    """
    feedback: float = Field(0.2, ge=0, le=1)
    """Rocchio feedback weight: how far the query vector moves towards the top hit before a second dense search. A
    higher value moves it further. 0 disables the second search.
    """
    smoothing: float = Field(0.2, ge=0, lt=1)
    """Share of a candidate's score that comes from the two candidates most similar to it. A higher value favours
    passages that agree with each other. 0 disables smoothing.
    """
    per_document: int | None = Field(None, ge=1)
    """Passages from one document before passages from other documents are preferred. Unset: no limit."""
    duplicate_overlap: float = Field(0.9, gt=0, le=1)
    """Jaccard overlap of five-word runs from which a passage is a duplicate of a better one and is dropped. A lower
    value drops more passages; 1 drops only identical wording.
    """
    expand_to_tokens: int = Field(1500, ge=0)
    """Tokens up to which the modes generate and agentic add neighbouring passages. 0 disables expansion."""


class AnsweringSettings(Part):
    """How answers are written and how long they may take."""

    mode: Mode | Literal["auto"] = "auto"
    """quote, checked, generate or agentic. auto selects quote for the packaged model, generate for other models."""
    unsupported: Literal["flag", "withhold"] = "flag"
    """What happens in the mode generate to a sentence that the passages do not support. flag: it is shown and reported.
    withhold: it is left out, each sentence is shown only when it is complete and checked, and a wrong or missing
    citation is corrected to the passage that supports the sentence.
    """
    support: Support = "meaning"
    """What supports a sentence of a model. meaning: a passage that says the same, also in other words. wording: one
    that has nearly all of its words close together. Small models need wording: they join words that do not belong
    together. It also rejects correct sentences in other words.
    """
    max_tokens: int = Field(384, ge=1)
    """Longest answer of the model in tokens. A higher value allows longer and slower answers."""
    temperature: float = Field(0.0, ge=0, le=2)
    """Sampling temperature. 0 repeats the same answer; a higher value varies more."""
    first_text_seconds: float = Field(2.0, gt=0)
    """Target seconds from the request to the first text. A higher value lets the reranker score more candidates."""
    stream_after_seconds: float = Field(1.0, ge=0)
    """Seconds after which a stream begins with its passages although the model has not written any text yet. A higher
    value reports more failures of the model with a status code, but a proxy may give up. 0 begins at once.
    """
    min_confidence: float = Field(0.45, ge=0, le=1)
    """Lowest probability that a quote answers the question. Below it the modes that quote decline. A higher value
    declines more questions; 0 declines none for this reason.
    """
    sure_confidence: float = Field(0.7, ge=0, le=1)
    """Probability from which the modes that quote are sure of an answer. Below it the answer begins with a paragraph
    which says that it may not answer the question. A higher value marks more answers; 0 marks none. A value up
    to `min_confidence` marks only quoted headings and questions, which have no probability.
    """
    waiting: int = Field(64, ge=0)
    """Questions that may queue for the model. Further questions are answered with 429."""


class AgentSettings(Part):
    """Bounds of the mode agentic. If one is reached, the answer is written from what was found."""

    # A plan, three searches with their verdicts, and one of them in other words.
    steps: int = Field(10, ge=1, le=50)
    """Largest number of steps before the answer is written: plan, search, grade and reword. A higher value finds more
    for questions of several parts, and takes longer.
    """
    # Each verdict reads about 800 tokens of passages, a plan and other words about 300.
    tokens: int = Field(6000, ge=0)
    """Tokens that planning, grading and rewording may use together. A repair is tried if some are left. A higher value
    costs more. 0: the model is asked for the answer only.
    """
    seconds: float = Field(30.0, gt=0)
    """Seconds for planning and searching; then the writing begins. A higher value lets a slow model finish its plan."""


class PromptSettings(Part):
    """Which prompt version the model receives, and how many questions try an alternative."""

    registry: Literal["folder", "mlflow"] = "folder"
    """Where prompts are stored: folder or mlflow."""
    folder: ExpandedPath | None = None
    """Folder with your own prompts. Unset: `service/prompts`."""
    version: str = "v1"
    """Version of the prompt `answer`. With mlflow: the version number."""
    alternative: str | None = None
    """Second version of the prompt `answer`, for comparison. Unset: no alternative."""
    percent: float = Field(0.0, ge=0, le=100)
    """Percentage of questions that use the alternative. 0 disables the comparison."""


class ExplanationSettings(Part):
    """How long `GET /v1/answers/{id}/explain` works. The questions and passages stay in memory for it."""

    answers: int = Field(200, ge=0)
    """Latest answers that can be explained. More need more memory; 0 disables explanations."""
    seconds: int = Field(900, ge=0)
    """Seconds for which an answer can be explained. 0 disables it."""


class ConversationSettings(Part):
    """How long the turns of a conversation are kept, and how follow-up questions are rewritten."""

    turns: int = Field(50, ge=1, le=200)
    """Number of latest turns stored for each conversation. A higher value needs more storage."""
    per_tenant: int = Field(1000, ge=1)
    """Number of conversations stored for each tenant. Beyond it, the one whose last turn is the oldest is removed."""
    days: int = Field(30, ge=1)
    """Days for which a conversation is stored after its last turn. A higher value needs more storage."""
    history_tokens: int = Field(1000, ge=0)
    """Tokens of earlier turns that the model reads to rewrite a follow-up question. A higher value costs more tokens
    and reaches further back. 0: follow-ups are rewritten without the model.
    """
    rewriting_seconds: float = Field(5.0, gt=0)
    """Seconds that the model may take to rewrite a follow-up question. After them, the question is rewritten without
    the model. A model without a GPU needs more; a higher value delays the answer if the model is slow.
    """


class FeedbackSettings(Part):
    """How long an answer can be rated, and how long its feedback is kept."""

    hours: int = Field(24, ge=0)
    """Hours for which an answer can be rated. The shared state stores the answer and its passages for this time. 0
    disables feedback and stores no answers.
    """
    answers: int = Field(1000, ge=1)
    """Latest answers of each tenant that can be rated. A higher value needs more storage."""
    per_tenant: int = Field(10_000, ge=1)
    """Number of ratings stored for each tenant. Beyond it, the oldest rating is removed."""
    days: int = Field(365, ge=1)
    """Days for which feedback is stored. A higher value needs more storage."""
