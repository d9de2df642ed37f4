"""Bodies of errors, as RFC 9457 defines them."""

from pydantic import BaseModel, Field


class FaultOut(BaseModel):
    """A field of the request, or a file of a form, that was rejected."""

    field: str
    message: str


class Problem(BaseModel):
    """An error: what failed, why, and what to do."""

    type: str = Field(description="Stable name of the kind of error.", examples=["urn:problem-type:not-found"])
    title: str = Field(description="The kind of error for people.")
    status: int
    detail: str = Field(description="What failed, why, and what to do.")
    retryable: bool = Field(description="True if the same request may succeed later.")
    request_id: str | None = Field(description="Id of the request, as in `X-Request-Id` and in the service's log.")
    errors: list[FaultOut] | None = Field(
        None, description="The rejected fields, with status 422, or the rejected files of a form, with status 400."
    )


class OpenAIErrorBody(BaseModel):
    """What failed, why, and what to do."""

    message: str
    type: str = Field(description="The kind of error by its status.")
    param: str | None = Field(description="The first rejected field.")
    code: str = Field(description="Stable name of the error: OpenAI's if it has one, otherwise that of the problem.")
    request_id: str | None = Field(description="Id of the request, as in `X-Request-Id` and in the service's log.")


class OpenAIError(BaseModel):
    """An error in OpenAI's shape."""

    error: OpenAIErrorBody
