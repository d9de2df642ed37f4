"""Any JSON that a model server could send is read, or is an error that callers expect."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rag.errors import GroundworkError
from rag.sse import ServerSentEvent
from rag.upstream import Upstream
from service.generation.base import Finish, Usage
from service.generation.completion import CompletionReader

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(alphabet=st.characters()),
    st.sampled_from(["stop", "error", "\ud83d", "\ude42", "<think>", "</think>", "429", "overloaded"]),
)
NAMES = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "text",
        "type",
        "index",
        "finish_reason",
        "usage",
        "error",
        "code",
        "detail",
        "prompt_tokens",
        "completion_tokens",
        "object",
        "id",
        "model",
        "refusal",
        "value",
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
CHOICES = st.fixed_dictionaries(
    {}, optional={"delta": VALUES, "message": VALUES, "text": VALUES, "index": VALUES, "finish_reason": VALUES}
)
BODIES = st.one_of(
    VALUES, st.fixed_dictionaries({"choices": st.lists(CHOICES, max_size=2)}, optional={"usage": VALUES, "id": VALUES})
)
EVENT_NAMES = st.sampled_from(["", "message", "error", "ping"])


@given(st.lists(st.tuples(EVENT_NAMES, BODIES), max_size=5))
def test_any_events_give_text_that_can_be_encoded_or_an_expected_error(events):
    reader = CompletionReader(Upstream("model server"), starts_inside_reasoning=False)
    pieces = []
    try:
        for name, body in events:
            pieces += reader.read(ServerSentEvent(name, json.dumps(body)))
        pieces += reader.end()
    except GroundworkError as error:
        str(error).encode()
        error.upstream.encode()
    for piece in pieces:
        match piece:
            case str():
                piece.encode()
            case Finish():
                assert piece.reason in {"stop", "length", "content_filter", None}
            case Usage():
                assert 0 <= piece.prompt_tokens <= 10**9
                assert 0 <= piece.completion_tokens <= 10**9


@given(st.binary(max_size=200), st.sampled_from(["", "error"]))
def test_any_bytes_give_an_expected_error_or_nothing(data, name):
    reader = CompletionReader(Upstream("model server"), starts_inside_reasoning=False)
    try:
        reader.read(ServerSentEvent(name, data.decode(errors="replace")))
    except GroundworkError as error:
        error.upstream.encode()
