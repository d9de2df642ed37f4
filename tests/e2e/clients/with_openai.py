"""Calls the service with the package openai, in its own environment, and prints what it got as JSON.

It is a program and not a test, because the package is not installed beside the tests.
"""

import json
import sys
from typing import Any

import openai

MODEL, QUESTION = "groundwork-generate", "Which seals does the pump need?"
MESSAGES: Any = [
    {"role": "system", "content": "You are a pirate."},
    {"role": "user", "content": "What is error E1234?"},
    {"role": "assistant", "content": "The oil level is too low [1]."},
    {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
]


def complete(client: openai.OpenAI) -> Any:
    completion = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=20, temperature=0.5, stop=["END"]
    )
    return {**completion.to_dict(), "extra": completion.model_extra["rag"]["citations"][0]["title"]}


def stream(client: openai.OpenAI) -> Any:
    chunks = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_completion_tokens=30, stream=True, stream_options={"include_usage": True}
    )
    return [chunk.to_dict() for chunk in chunks]


def collect(client: openai.OpenAI) -> Any:
    """Use the helper that collects a stream. It checks each chunk against the types of the package."""
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES) as events:
        return events.get_final_completion().to_dict()


def respond(client: openai.OpenAI) -> Any:
    response = client.responses.create(model=MODEL, input=QUESTION, max_output_tokens=25)
    return {**response.to_dict(), "text": response.output_text}


def stream_response(client: openai.OpenAI) -> Any:
    with client.responses.stream(model=MODEL, input=MESSAGES) as events:
        kinds = [event.type for event in events]
        return {"kinds": kinds, "text": events.get_final_response().output_text}


def models(client: openai.OpenAI) -> Any:
    return [model.id for model in client.models.list()] + [client.models.retrieve("groundwork-quote").id]


def fail(client: openai.OpenAI) -> Any:
    """Return the class and the fields of the errors of some calls that must fail."""
    stranger = client.with_options(api_key="gw_0_0")
    calls: dict[str, Any] = {
        "model": lambda: client.chat.completions.create(model="gpt-4o", messages=MESSAGES),
        "field": lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, n=2),
        "image": lambda: client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}],
        ),
        "key": stranger.models.list,
        "response": lambda: client.responses.create(model=MODEL, input="x", previous_response_id="resp_1"),
        "stream": lambda: [*client.chat.completions.create(model=MODEL, messages=FAILING, stream=True)],
        "response stream": lambda: [*client.responses.create(model=MODEL, input=FAILING, stream=True)],
    }
    return {name: _error_of(call) for name, call in calls.items()}


FAILING: Any = [{"role": "user", "content": "Which seals does the pump need? BREAK"}]


def _error_of(call: Any) -> Any:
    try:
        call()
    except openai.APIError as error:
        status = getattr(error, "status_code", None)
        return {"class": type(error).__name__, "status": status, "code": error.code, "message": error.message}
    return None


def main() -> None:
    client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
    calls = (complete, stream, collect, respond, stream_response, models, fail)
    sys.stdout.write(json.dumps({call.__name__: call(client) for call in calls}))


if __name__ == "__main__":
    main()
