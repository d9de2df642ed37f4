"""A model server in the many ways in which real ones differ from OpenAI's protocol, or fail.

Each case is named after its difference, and `CASES` says what a caller must get. Tests send the bytes of a case in
pieces of different sizes.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from rag.errors import AccessRefused, BadResponse, GroundworkError, Overloaded, TimedOut, Unavailable
from service.generation.base import FinishReason

ANSWER = "The bridge opened in March 1932 [1]."
_WORDS = ["The ", "bridge opened ", "in March 1932 ", "[1]."]


def chunk(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "served", "choices": [choice], **more}


def event(body: Any) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def texts(*words: str) -> bytes:
    return b"".join(event(chunk({"content": word})) for word in words)


def usage(prompt: Any = 10, completion: Any = 5) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion}


ROLE = event(chunk({"role": "assistant", "content": ""}))
WORDS = texts(*_WORDS)
STOP = event(chunk({}, "stop"))
USAGE = event({"id": "c-1", "choices": [], "usage": usage()})
DONE = b"data: [DONE]\n\n"
END = STOP + USAGE + DONE
PLAIN = ROLE + WORDS + END


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the server sends, and what its caller must get."""

    body: bytes
    text: str = ANSWER
    finish: FinishReason | None = "stop"
    has_usage: bool = True
    error: type[GroundworkError] | None = None
    """The error, instead of an answer."""
    begins: bool = False
    """True if text arrives before the error, so that a stream has started."""
    upstream: str = ""
    """Words of the server that belong in the log and never in the message."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    retry_after: float | None = None


def _fails(body: bytes, error: type[GroundworkError] = BadResponse, **more: Any) -> Case:
    return Case(body=body, error=error, **more)


def _message(content: Any, finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **more}, "finish_reason": finish}
    return json.dumps({"id": "c-1", "model": "served", "choices": [choice], "usage": usage()}).encode()


def _refuses(status: int, error: type[GroundworkError], said: str = "the key sk-live-1234abcd", **more: Any) -> Case:
    body = json.dumps({"error": {"message": f"About {said}."}}).encode()
    return _fails(body, error, status=status, content_type="application/json", upstream="About", **more)


def _in_many_lines(body: Any) -> bytes:
    return b"".join(b"data: " + line + b"\n" for line in json.dumps(body, indent=1).encode().splitlines()) + b"\n"


FRAMING = {
    "plain": Case(body=PLAIN),
    "CR LF": Case(body=PLAIN.replace(b"\n", b"\r\n")),
    "CR only": Case(body=PLAIN.replace(b"\n", b"\r")),
    "no space behind data:": Case(body=PLAIN.replace(b"data: ", b"data:")),
    "a byte order mark": Case(body=b"\xef\xbb\xbf" + PLAIN),
    "blank lines before the stream": Case(body=b"\r\n\r\n" + PLAIN),
    "comments": Case(body=b": OPENROUTER PROCESSING\n\n" * 5 + PLAIN.replace(b"data:", b": ping\ndata:")),
    "event, id and retry fields": Case(body=PLAIN.replace(b"data:", b"event: message\nid: 7\nretry: 10\ndata:")),
    "events of several lines": Case(
        body=b"".join(_in_many_lines(chunk({"content": word})) for word in _WORDS) + END,
    ),
    "pings with a name": Case(body=b'event: ping\ndata: {"type": "ping"}\n\nevent: ping\ndata: x\n\n' + PLAIN),
    "one line end between events": Case(body=PLAIN.replace(b"\n\n", b"\n")),
    "lines of JSON": Case(
        body=PLAIN.replace(b"data: ", b"").replace(b"\n\n", b"\n"), content_type="application/x-ndjson"
    ),
    "lines of JSON that are cut off": _fails(b'{"choices": []}\n{"choices": []}\n'),
    "empty events": Case(body=b"data:\n\ndata: \n\n" + ROLE + b"data:\n\n" + WORDS + END),
    "no [DONE] after the finish": Case(body=ROLE + WORDS + STOP + USAGE),
    "[DONE] without a finish": Case(body=ROLE + WORDS + USAGE + DONE, finish=None),
    "no blank line at the end": Case(body=PLAIN.rstrip()),
    "cut off in [DONE]": Case(body=ROLE + WORDS + STOP + USAGE + b"data: [DO"),
    "cut off in the usage": Case(body=ROLE + WORDS + STOP + USAGE[:40], has_usage=False),
    "more after [DONE]": Case(body=PLAIN + b"data: {garbage\n\n" + texts("Ignored.")),
    "garbage after the finish": Case(body=ROLE + WORDS + STOP + b"data: {garbage\n\n" + USAGE + DONE),
    "anything after the finish": Case(
        body=ROLE + WORDS + STOP + USAGE + event({"choices": 5}) + event("text") + event(chunk({}, "abort")) + DONE
    ),
    "an error after the finish": Case(
        body=ROLE + WORDS + STOP + event({"error": {"message": "no usage"}}) + DONE, has_usage=False
    ),
    "gzip": Case(body=gzip.compress(PLAIN), headers={"Content-Encoding": "gzip"}),
    "gzip that is damaged": _fails(b"\x1f\x8b" + PLAIN, headers={"Content-Encoding": "gzip"}),
    "gzip that is cut off": _fails(
        gzip.compress(ROLE + WORDS * 300)[:-40], headers={"Content-Encoding": "gzip"}, begins=True
    ),
    "an answer without an end": _fails(texts("word " * 100_000) * 12 + END, begins=True),
    "neither [DONE] nor a finish": _fails(ROLE + WORDS, begins=True),
    "cut off in a word": _fails((ROLE + WORDS)[:-20], begins=True),
    "an event that is not JSON": _fails(ROLE + WORDS + b"data: {not json\n\n" + END, begins=True),
    "JSON that is not a completion": _fails(event({"choices": 5}) + DONE),
    "a number": _fails(b"data: 5\n\n" + DONE),
    "JSON that is nested too deeply": _fails(b"data: " + b"[" * 100_000 + b"\n\n"),
    "nothing": _fails(b""),
    "only [DONE]": _fails(DONE),
    "a page": _fails(b"<html>Sign in</html>", content_type="text/html"),
    "a line without an end": _fails(b"data: " + b"x" * (5 * 2**20)),
}

_IMPOSSIBLE: list[Any] = [-1, None, float("nan"), float("inf"), 1e300, "many", True, [5], {}]

FIELDS = {
    "usage in every event": Case(
        body=ROLE
        + b"".join(event(chunk({"content": word}, usage=usage(10, n))) for n, word in enumerate(_WORDS, start=2))
        + STOP
        + DONE
    ),
    "usage in the last text": Case(body=ROLE + WORDS + event(chunk({"content": ""}, "stop", usage=usage())) + DONE),
    "null usage": Case(body=event(chunk({"content": ANSWER}, usage=None)) + END),
    "usage as text": Case(body=ROLE + WORDS + STOP + event({"choices": [], "usage": usage("10", "5")}) + DONE),
    "usage as a decimal number": Case(body=ROLE + WORDS + STOP + event({"choices": [], "usage": usage(10.0, 5.0)})),
    **{
        f"usage of {value!r:.10}": Case(
            body=ROLE + WORDS + STOP + event({"choices": [], "usage": usage(10, value)}) + DONE, has_usage=False
        )
        for value in _IMPOSSIBLE
    },
    "usage with thousands of digits": Case(
        body=ROLE + WORDS + STOP + USAGE.replace(b"10", b"9" * 5000) + DONE, has_usage=False
    ),
    "usage that is not an object": Case(body=ROLE + WORDS + STOP + event({"usage": 5}) + DONE, has_usage=False),
    "no usage": Case(body=ROLE + WORDS + STOP + DONE, has_usage=False),
    "null content": Case(body=event(chunk({"role": "assistant", "content": None})) + WORDS + END),
    "null delta": Case(body=event(chunk(None)) + WORDS + event(chunk(None, "stop")) + USAGE + DONE),
    "no delta": Case(body=event({"choices": [{"index": 0}]}) + WORDS + END),
    "null choices": Case(body=event({"choices": None}) + WORDS + STOP + event({"choices": None, "usage": usage()})),
    "no choices": Case(body=event({"type": "ping"}) + WORDS + END),
    "a null choice": Case(body=event({"choices": [None]}) + WORDS + END),
    "a null event": Case(body=b"data: null\n\n" + PLAIN),
    "no index and no role": Case(
        body=b"".join(event({"choices": [{"delta": {"content": word}}]}) for word in _WORDS) + END
    ),
    "Azure's verdict on the prompt": Case(
        body=event({"choices": [], "prompt_filter_results": [{"content_filter_results": {}}]}) + PLAIN
    ),
    "parts of content": Case(
        body=b"".join(event(chunk({"content": [{"type": "text", "text": word}]})) for word in _WORDS) + END
    ),
    "parts with reasoning": Case(
        body=event(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "[3]?"}]}]}))
        + event(chunk({"content": ["The ", {"type": "text", "text": "bridge opened in March 1932 [1]."}]}))
        + END
    ),
    "a legacy completion": Case(
        body=b"".join(event({"choices": [{"index": 0, "text": word}]}) for word in _WORDS) + END
    ),
    "text and delta": Case(
        body=b"".join(event({"choices": [{"text": word, "delta": {"content": word}}]}) for word in _WORDS) + END
    ),
    "a message instead of a delta": Case(body=event(json.loads(_message(ANSWER))) + DONE),
    "the whole message again at the end": Case(body=ROLE + WORDS + event(json.loads(_message(ANSWER))) + DONE),
    "JSON instead of a stream": Case(body=_message(ANSWER), content_type="application/json"),
    "indented JSON instead of a stream": Case(
        body=b"\n" + json.dumps(json.loads(_message(ANSWER)), indent=2).encode(), content_type="application/json"
    ),
    "a second choice": Case(
        body=ROLE
        + texts(*_WORDS[:2])
        + event({"choices": [{"index": 1, "delta": {"content": "No."}}]})
        + texts(*_WORDS[2:])
        + END
    ),
    "log probabilities": Case(body=event(chunk({"content": ANSWER}, logprobs={"tokens": "x" * 300_000})) + END),
    "finish in every event": Case(
        body=b"".join(event(chunk({"content": word}, "STOP")) for word in _WORDS) + USAGE + DONE
    ),
    "empty finish in every event": Case(body=b"".join(event(chunk({"content": word}, "")) for word in _WORDS) + END),
    "finish as an object": Case(body=ROLE + WORDS + event(chunk({}, {"type": "stop", "matched": 2})) + USAGE),
    "finish of Google": Case(
        body=ROLE + WORDS + event({"choices": [{"finish_reason": None, "finishReason": "STOP"}]}) + USAGE
    ),
    "finish of TGI": Case(body=ROLE + WORDS + event(chunk({}, "eos_token")) + USAGE + DONE),
    "an unknown finish": Case(body=ROLE + WORDS + event(chunk({}, "bored")) + USAGE + DONE, finish=None),
    "cut off": Case(body=ROLE + WORDS + event(chunk({}, "length")) + USAGE + DONE, finish="length"),
    "cut off by Anthropic": Case(body=ROLE + WORDS + event(chunk({}, "max_tokens")) + USAGE, finish="length"),
    "cut off at the context": Case(
        body=ROLE + WORDS + event(chunk({}, "model_context_window_exceeded")) + USAGE, finish="length"
    ),
    **{
        f"filtered with {word}": Case(body=ROLE + WORDS + event(chunk({}, word)) + USAGE, finish="content_filter")
        for word in ("content_filter: RECITATION", "SPII", "sensitive", "guardrail_intervened")
    },
    "filtered": Case(body=ROLE + WORDS + event(chunk({}, "content_filter")) + USAGE + DONE, finish="content_filter"),
    "a refusal": Case(
        body=event(chunk({"refusal": "I cannot answer that."})) + END,
        text="I cannot answer that.",
        finish="content_filter",
    ),
    "DeepSeek is busy": _fails(ROLE + WORDS + event(chunk({}, "insufficient_system_resource")) + DONE, begins=True),
    "aborted": _fails(ROLE + WORDS + event(chunk({}, "abort")) + DONE, begins=True),
}

TEXT = {
    "split characters": Case(
        body=event(chunk({"content": ""}))
        + b"data: "
        + json.dumps(chunk({"content": "Größe 🙂 日本 [1]"}), ensure_ascii=False).encode()
        + b"\n\n"
        + END,
        text="Größe 🙂 日本 [1]",
    ),
    "a split surrogate pair": Case(body=texts("Yes ", "\ud83d", "\ude42 [1]") + END, text="Yes 🙂 [1]"),
    "half a surrogate pair": Case(body=texts("Yes \ud83d", " [1]") + END, text="Yes \ufffd [1]"),
    "half a pair at the end": Case(body=texts("Yes [1]\ud83d") + END, text="Yes [1]\ufffd"),
    "the second half alone": Case(body=texts("Yes \ude42 [1]") + END, text="Yes \ufffd [1]"),
    "bytes that are not UTF-8": Case(
        body=texts("Yes ") + b'data: {"choices":[{"delta":{"content":"\xff [1]"}}]}\n\n' + END, text="Yes \ufffd [1]"
    ),
    "a surrogate in the name of the model": Case(body=PLAIN.replace(b'"served"', b'"\\ud83d"')),
    "space before the text": Case(body=texts("\n", "  ", "\ufeff") + WORDS + END),
    "a long answer in one event": Case(body=texts("word " * 60_000, "[1]") + END, text="word " * 60_000 + "[1]"),
    "reasoning_content": Case(body=event(chunk({"reasoning_content": "Is it [3]?"})) + PLAIN),
    "reasoning": Case(body=event(chunk({"reasoning": "Is it [3]?", "content": None})) + PLAIN),
    "a block of reasoning": Case(body=texts("<th", "ink>Is it [3]?</thi", "nk>\n\n") + WORDS + END),
    "reasoning without its opening tag": Case(body=texts("Is it [3]? ", "</think>", "\n\n") + WORDS + END),
    "a mark of the end": Case(body=texts("Yes [1].", "<|im", "_end|>\n", "</s>") + END, text="Yes [1]."),
    "a mark inside the text": Case(
        body=texts("A </s> ends", " it <|eot_id|> too") + END, text="A </s> ends it <|eot_id|> too"
    ),
    "only a mark of the end": _fails(texts("<|eot_id|>") + END),
    "only white space": _fails(texts("\n", "  ") + END),
    "only invisible characters": _fails(texts("\u200b\u2060") + END),
    "no text": _fails(ROLE + END),
    "only reasoning": _fails(texts("<think>Is it [3]?") + event(chunk({}, "length")) + DONE),
    "a call of a tool": _fails(
        event(chunk({"tool_calls": [{"function": {"name": "f"}}]})) + event(chunk({}, "tool_calls"))
    ),
    "everything filtered": _fails(ROLE + event(chunk({}, "content_filter")) + DONE),
}

ERRORS = {
    "an error first": _fails(
        event({"error": {"message": "CUDA out of memory", "code": 500}}) + DONE, Unavailable, upstream="CUDA"
    ),
    "an error later": _fails(
        ROLE + WORDS + event({"error": {"message": "CUDA out of memory"}}), begins=True, upstream="CUDA"
    ),
    "an error as text": _fails(event({"error": "model is loading"}) + DONE, upstream="loading"),
    "vLLM's error": _fails(
        ROLE + WORDS + event({"object": "error", "message": "engine dead", "type": "Internal", "code": 500}),
        Unavailable,
        begins=True,
        upstream="engine",
    ),
    "llama.cpp's error": _fails(
        ROLE + WORDS + b'error: {"code": 500, "message": "failed to decode"}\n\n' + DONE,
        Unavailable,
        begins=True,
        upstream="decode",
    ),
    "Ollama's error": _fails(
        ROLE + WORDS + b'{"error": {"message": "CUDA error", "type": "api_error"}}\n', begins=True, upstream="CUDA"
    ),
    "Groq's error": _fails(ROLE + WORDS + event({**chunk({}), "x_groq": {"error": "busy"}}) + DONE, begins=True),
    "DashScope's error": _fails(
        ROLE + WORDS + event({"code": "Throttling", "message": "slow down"}) + DONE, begins=True, upstream="slow down"
    ),
    "TGI's error": _fails(event({"error": "full", "error_type": "overloaded"}), Overloaded, upstream="full"),
    "Anthropic's error": _fails(
        b"event: error\n" + event({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        Overloaded,
        upstream="busy",
    ),
    "OpenRouter's error": _fails(
        ROLE + WORDS + event(chunk({"content": ""}, "error", error={"code": 429, "message": "slow down"})) + DONE,
        Overloaded,
        begins=True,
        upstream="slow",
    ),
    "the error of a provider": _fails(
        ROLE + WORDS + event({"choices": [{"error": {"code": 503, "message": "gone"}, "finish_reason": "error"}]}),
        Unavailable,
        begins=True,
        upstream="gone",
    ),
    "FastAPI's error": _fails(event({"detail": "not now"}), upstream="not now"),
    "an error by its event": _fails(b"event: error\ndata: out of memory\n\n", upstream="memory"),
    "an object by its event": _fails(b'event: error\ndata: {"message": "out of memory", "code": 503}\n\n', Unavailable),
    "an error with a code as text": _fails(event({"error": {"message": "busy", "code": "429"}}), Overloaded),
    "an error with a type": _fails(event({"error": {"message": "busy", "type": "rate_limit_exceeded"}}), Overloaded),
    "an error as JSON": _fails(
        b'{"error": {"message": "busy", "code": 503}}', Unavailable, content_type="application/json", upstream="busy"
    ),
    "a list with an error": _fails(event([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}]), Overloaded),
    "401": _refuses(401, AccessRefused),
    "403": _refuses(403, AccessRefused),
    "404": _refuses(404, AccessRefused),
    "400": _refuses(400, BadResponse, "the maximum context length"),
    "413": _refuses(413, BadResponse),
    "422": _refuses(422, BadResponse),
    "429": _refuses(429, Overloaded, headers={"Retry-After": "7"}, retry_after=7),
    "429 with a date in the past": _refuses(
        429, Overloaded, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, retry_after=0
    ),
    "429 with milliseconds": _refuses(429, Overloaded, headers={"retry-after-ms": "7300"}, retry_after=7.3),
    "429 of OpenAI": _refuses(429, Overloaded, "limits. Please try again in 1m2.5s", retry_after=62.5),
    "429 of Google": _fails(
        event([{"error": {"code": 429, "details": [{"retryDelay": "34s"}]}}]), Overloaded, retry_after=34
    ),
    "498": _refuses(498, Overloaded),
    "529": _refuses(529, Overloaded),
    "402": _refuses(402, AccessRefused),
    "410": _refuses(410, AccessRefused),
    "424": _refuses(424, Unavailable),
    "429 with nonsense": _refuses(429, Overloaded, headers={"Retry-After": "soon"}),
    "408": _refuses(408, TimedOut),
    "500": _refuses(500, Unavailable),
    "503": _refuses(503, Unavailable, headers={"Retry-After": "2.5"}, retry_after=2.5),
    "502 with a page": _fails(
        b"<html>Bad gateway</html>", Unavailable, status=502, content_type="text/html", upstream="Bad gateway"
    ),
    "500 with bytes": _fails(b"\xff\xfe", Unavailable, status=500, content_type="text/plain; charset=nonsense"),
    "a redirect to another server": _fails(
        b"", AccessRefused, status=308, headers={"Location": "http://192.0.2.1/v1"}, upstream="192.0.2.1"
    ),
    "a redirect to a sign-in": _fails(
        b"", AccessRefused, status=302, headers={"Location": "/login"}, upstream="/login"
    ),
    "a redirect to nowhere": _fails(b"", AccessRefused, status=307, headers={"Location": "http://[:"}),
}

CASES = FRAMING | FIELDS | TEXT | ERRORS


class CaseServer:
    """Sends the body of a case in pieces of `size` bytes. 0: in one piece."""

    def __init__(self, case: Case, *, size: int = 0) -> None:
        self._case = case
        self._size = size

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        case = self._case
        headers = {"Content-Type": case.content_type, **case.headers}
        response = web.StreamResponse(status=case.status, headers=headers)
        await response.prepare(_)
        size = self._size or len(case.body) or 1
        for start in range(0, len(case.body), size):
            await response.write(case.body[start : start + size])
        return response


def split_sizes(case: Case) -> Sequence[int]:
    """Return the sizes of pieces to try. A long body would take seconds in small pieces."""
    return (0, 1, 7) if len(case.body) < 10_000 else (0, 50_000)
