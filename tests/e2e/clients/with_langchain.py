"""Calls the service with langchain-openai, in its own environment, and prints what it got as JSON."""

import json
import sys
from typing import Any

from langchain_openai import ChatOpenAI

QUESTION = [
    ("system", "You are brief."),
    ("human", "Hello"),
    ("ai", "Hello!"),
    ("human", "Which seals does the pump need?"),
]


def main() -> None:
    known: Any = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": "groundwork-generate", "max_retries": 0}
    chat = ChatOpenAI(**known, temperature=0, max_completion_tokens=40, stream_usage=True)
    responses = ChatOpenAI(**known, use_responses_api=True)
    streamed = list(chat.stream(QUESTION))
    total = streamed[0]
    for chunk in streamed[1:]:
        total += chunk
    answer = chat.invoke(QUESTION)
    result = {
        "invoke": [answer.text, answer.usage_metadata, answer.response_metadata["finish_reason"]],
        "stream": [total.text, total.usage_metadata, sum(1 for chunk in streamed if chunk.text)],
        "responses": responses.invoke(QUESTION).text,
        "responses stream": "".join(chunk.text for chunk in responses.stream(QUESTION)),
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
