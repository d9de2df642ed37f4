"""The answer in a stream of chat completion events, as tolerant as the many servers of this protocol need (ADR 40)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rag.errors import BadResponse, GroundworkError
from rag.http import Upstream, error_in, parse_json
from rag.sse import ServerSentEvent
from rag.tracing import semconv
from rag.tracing.spans import Attributes, annotate
from service.generation.base import EmptyText, Finish, FinishReason, Output, Retraction, Usage
from service.generation.reasoning import ReasoningFilter

DONE = "[DONE]"
"""The data of the event that ends a stream."""

_PINGS = frozenset({"ping", "heartbeat", "keepalive", "keep-alive"})
_TEXT_PARTS = ("text", "output_text", "refusal")
# The reasons of OpenAI, and what TGI, vLLM, Anthropic, Google and Mistral call them.
_FINISH_REASONS: Mapping[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_length", "max_output_tokens", "model_length"), "length"),
    **dict.fromkeys(
        ("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "refusal", "blocked"),
        "content_filter",
    ),
}
# The server stopped, not the model.
_BREAKS = frozenset({"error", "abort", "aborted", "cancelled", "canceled"})
_SURROGATE = re.compile("[\ud800-\udfff]")
# No model has a context of this size. A larger number is an error of the server and would ruin the counters.
_MAX_TOKENS = 10**9
_MAX_NAME = 200
# Far more than any limit of tokens allows. A server that ignores the limit must not fill the memory.
_MAX_CHARACTERS = 4 * 2**20


class CompletionReader:
    """Reads the events of one completion. Only the first of several choices counts."""

    def __init__(self, upstream: Upstream, *, starts_inside_reasoning: bool) -> None:
        self._upstream = upstream
        self.reasoning = ReasoningFilter(starts_inside=starts_inside_reasoning)
        self.is_done = False
        """True after the event that ends the stream."""
        self._has_finished = False
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._has_content = False
        self._length = 0
        self._is_visible = False
        self._half = ""
        """The first half of a surrogate pair whose second half has not arrived."""

    @property
    def is_complete(self) -> bool:
        """True once the model has finished: what is missing afterwards is at most the usage."""
        return self._has_finished or self.is_done

    def read(self, event: ServerSentEvent) -> list[str | Retraction]:
        """Return the visible text of an event. Raises the error that it reports, or `BadResponse`."""
        data = event.data.strip()
        if data == DONE:
            self.is_done = True
        if data in ("", DONE) or event.name in _PINGS:
            return []
        was_complete = self.is_complete
        try:
            text = self._read_body(self._parse(event.name, data))
        except GroundworkError:
            if not was_complete:
                raise
            return []  # Whatever follows the finish cannot make the answer wrong.
        self._length += len(text)
        if self._length > _MAX_CHARACTERS:
            raise BadResponse(f"The {self._upstream.name} does not end its answer. Ask again.")
        return self._visible(self.reasoning.push(self._join(text)))

    def end(self) -> Iterator[Output]:
        """Yield the rest of the text, the finish and the usage. Raises `BadResponse` if the answer is incomplete."""
        if not self.is_complete:
            what = "before the answer was complete" if self._has_content else "without an answer"
            raise BadResponse(
                f"The {self._upstream.name} ended its response {what}. Ask again. "
                f"If this happens often, an operator must check {self._upstream.settings}."
            )
        is_cut_off = self._reason == "length"
        yield from self._visible(self.reasoning.push(_replace_surrogates(self._half)))
        yield from self._visible(self.reasoning.end(is_cut_off=is_cut_off))
        if not self._is_visible:
            raise EmptyText(self._explain_emptiness())
        yield Finish(self._reason)
        if self._usage:
            yield self._usage

    def _parse(self, name: str, data: str) -> dict[str, Any]:
        """Return the JSON object of an event. Raises the error that it reports."""
        try:
            body = parse_json(data)
        except ValueError as error:
            if name != "error":
                # The event may hold text of the answer, which must not be in the log.
                raise BadResponse(f"The {self._upstream.name} sent an event that is not JSON. Ask again.") from error
            body = data
        if name == "error" and not (isinstance(body, dict) and body.get("error")):
            body = {"error": body or name}
        if reported := error_in(self._upstream, body):
            raise reported
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise self._not_a_completion()
        return body

    def _read_body(self, body: dict[str, Any]) -> str:
        if (reported := body.get("usage")) and (usage := _to_usage(reported)):
            self._usage = usage
        choices = body.get("choices") or []
        if not isinstance(choices, list):
            raise self._not_a_completion()
        return "".join([self._read_choice(choice, body) for choice in choices if choice is not None])

    def _read_choice(self, choice: Any, body: dict[str, Any]) -> str:
        if not isinstance(choice, dict):
            raise self._not_a_completion()
        if choice.get("index") not in (None, 0):
            return ""
        if choice.get("error"):  # As OpenRouter says that the provider behind it failed.
            raise error_in(self._upstream, choice) or self._not_a_completion()
        text = self._text_of(choice)
        self._has_content = self._has_content or bool(text)
        reason = choice.get("finish_reason")
        if isinstance(reason, dict):  # SGLang adds details, such as the word that ended the text.
            reason = reason.get("type")
        if isinstance(reason, str) and reason:
            self._finish(reason, body)
        return text

    def _text_of(self, choice: dict[str, Any]) -> str:
        """Return the text of a choice. A whole message counts only if its parts have not been streamed before."""
        text = self._read_message(choice.get("delta")) or self._flatten(choice.get("text"))
        return text or ("" if self._has_content else self._read_message(choice.get("message")))

    def _read_message(self, message: Any) -> str:
        if message is None:
            return ""
        if not isinstance(message, dict):
            raise self._not_a_completion()
        if text := self._flatten(message.get("content")):
            return text
        if refusal := self._flatten(message.get("refusal")):
            self._reason = "content_filter"
        return refusal

    def _flatten(self, content: Any) -> str:
        """Return the text of a content, which is a string or a list of parts. Parts with reasoning are left out."""
        if content is None or isinstance(content, str):
            return content or ""
        if isinstance(content, list):
            return "".join(map(self._read_part, content))
        return self._read_part(content)

    def _read_part(self, part: Any) -> str:
        if isinstance(part, dict):
            if (part.get("type") or "text") not in _TEXT_PARTS:
                return ""
            part = part.get("text") or part.get("refusal")
        if isinstance(part, dict):  # OpenAI's assistants add annotations to a text.
            part = part.get("value")
        if part is not None and not isinstance(part, str):
            raise self._not_a_completion()
        return part or ""

    def _finish(self, reason: str, body: dict[str, Any]) -> None:
        word = reason.lower()
        if word in _BREAKS:
            raise BadResponse(f"The {self._upstream.name} stopped before the answer was complete. Ask again.")
        self._has_finished = True
        if self._reason != "content_filter":
            self._reason = _FINISH_REASONS.get(word)
        annotate(_response_attributes(body, reason))

    def _join(self, text: str) -> str:
        """Return the text with whole characters: some servers split the surrogate pair of one between two events."""
        if not self._half and text.isascii():
            return text
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return _replace_surrogates(text.removesuffix(self._half))

    def _visible(self, pieces: list[str | Retraction]) -> list[str | Retraction]:
        for piece in pieces:
            if isinstance(piece, Retraction):
                self._is_visible = False
            else:
                self._is_visible = self._is_visible or is_visible(piece)
        return pieces

    def _explain_emptiness(self) -> str:
        name = self._upstream.name
        match self._reason:
            case "length":
                return (
                    f"The {name} used all tokens of the answer before its first visible text. "
                    "An operator can raise RAG_ANSWERING__MAX_TOKENS, because reasoning counts too."
                )
            case "content_filter":
                return f"The content filter of the {name} removed the whole answer. Rephrase the question."
            case _:
                return f"The {name} returned an empty answer. Ask again, or check the model server's log."

    def _not_a_completion(self) -> BadResponse:
        return BadResponse(
            f"The {self._upstream.name} sent JSON that is not a chat completion. "
            f"An operator must check {self._upstream.settings}."
        )


def is_visible(text: str) -> bool:
    """Return True if a reader sees anything of the text: control and zero-width characters are not visible."""
    return any(character.isprintable() and not character.isspace() for character in text)


def _replace_surrogates(text: str) -> str:
    """Join surrogate pairs, and replace single surrogates, which no encoder accepts."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _to_usage(usage: Any) -> Usage | None:
    """Return the usage, or None if a number is missing or impossible: it would be counted and billed."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = (_to_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    if prompt is None or completion is None:
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=completion)


def _to_count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if 0 <= number <= _MAX_TOKENS else None


def _response_attributes(body: dict[str, Any], reason: str) -> Attributes:
    known = {semconv.RESPONSE_ID: body.get("id"), semconv.RESPONSE_MODEL: body.get("model")}
    named = {name: _to_name(value) for name, value in known.items() if isinstance(value, str) and value}
    return {semconv.FINISH_REASONS: [_to_name(reason)], **named}


def _to_name(value: str) -> str:
    return _replace_surrogates(value[:_MAX_NAME])
