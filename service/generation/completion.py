"""The answer in a stream of chat completion events, as tolerant as the many servers of this protocol need (ADR 40)."""

import re
from collections.abc import Iterator
from typing import Any

from rag.errors import BadResponse, GroundworkError
from rag.http import parse_json
from rag.sse import ServerSentEvent
from rag.tracing import semconv
from rag.tracing.spans import Attributes, annotate
from rag.upstream import Upstream, error_in
from service.generation.base import EmptyText, Finish, FinishReason, Output, Retraction, Usage
from service.generation.end_marks import EndMarkFilter
from service.generation.finish_reasons import is_break, to_finish_reason
from service.generation.reasoning import Beginning, ReasoningFilter

DONE = "[DONE]"
"""The data of the event that ends a stream."""

_PINGS = frozenset({"ping", "heartbeat", "keepalive", "keep-alive"})
_REASONING_FIELDS = ("reasoning_content", "reasoning")
_TEXT_PARTS = ("text", "output_text", "refusal")
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
        self._end_marks = EndMarkFilter()
        self.events = 0
        """How many events with data were read, pings not counted."""
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
    def began(self) -> Beginning | None:
        """Where the text began. None if it has no tag of reasoning and may have been cut off."""
        return self.reasoning.began or ("outside" if self._reason == "stop" else None)

    @property
    def is_complete(self) -> bool:
        """True once the model has finished: what is missing afterwards is at most the usage."""
        return self._has_finished or self.is_done

    def read(self, event: ServerSentEvent) -> list[str | Retraction]:
        """Return the visible text of an event. Raises the error that it reports, or `BadResponse`."""
        if event.name in _PINGS:
            return []
        self.events += 1
        return [piece for data in split_documents(event.data) for piece in self._read_data(event.name, data)]

    def _read_data(self, name: str, data: str) -> list[str | Retraction]:
        if data == DONE:
            self.is_done = True
        if data in ("", DONE):
            return []
        was_complete = self.is_complete
        try:
            text = self._read_body(self._parse(name, data))
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
        yield from self._note_visible(self._end_marks.end())
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
        if reported := error_in(self._upstream, body.get("x_groq")):  # Groq's note that it ended the text early.
            raise reported
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
        reason = choice.get("finish_reason") or choice.get("finishReason")  # Google has sent the latter.
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
        if any(isinstance(message.get(field), str) and message[field] for field in _REASONING_FIELDS):
            self.reasoning.expect_answer()
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
        if is_break(reason):
            raise BadResponse(f"The {self._upstream.name} stopped before the answer was complete. Ask again.")
        self._has_finished = True
        if self._reason != "content_filter":
            self._reason = to_finish_reason(reason)
        annotate(_response_attributes(body, reason))

    def _join(self, text: str) -> str:
        """Return the text with whole characters: some servers split the surrogate pair of one between two events."""
        if not self._half and text.isascii():
            return text
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return _replace_surrogates(text.removesuffix(self._half))

    def _visible(self, pieces: list[str | Retraction]) -> list[str | Retraction]:
        return self._note_visible(self._end_marks.push(pieces))

    def _note_visible(self, pieces: list[str | Retraction]) -> list[str | Retraction]:
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


def split_documents(data: str) -> list[str]:
    """Return the JSON documents of an event: one, or one in each line if a server forgets the blank lines."""
    lines = [line for line in map(str.strip, data.split("\n")) if line]
    are_documents = all(line == DONE or (line.startswith("{") and line.endswith("}")) for line in lines)
    return lines if are_documents else [data.strip()]


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
