"""Body of `/v1/answers/{id}/feedback`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.answering.feedback import Rating

# As long as the longest useful correction. Each tenant may keep ten thousand of them.
_Text = Annotated[str, Field(max_length=4_000)]


class FeedbackRequest(BaseModel):
    """A rating of an answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rating: Rating
    reason: _Text = Field("", description="What is wrong or right.")
    correction: _Text = Field("", description="The answer that the user expected.")
