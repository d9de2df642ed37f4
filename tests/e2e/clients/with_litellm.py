"""Calls the service with litellm, in its own environment, and prints what it got as JSON."""

import json
import os
import sys
from typing import Any

# litellm otherwise downloads its table of prices on import.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

MESSAGES = [{"role": "user", "content": "Which seals does the pump need?"}]


def main() -> None:
    known: Any = {"model": "openai/groundwork-generate", "api_base": sys.argv[1], "api_key": sys.argv[2]}
    whole = litellm.completion(**known, messages=MESSAGES, max_tokens=40, stop=["END"])
    chunks = list(litellm.completion(**known, messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    rebuilt = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    try:
        litellm.completion(**{**known, "model": "openai/gpt-4o"}, messages=MESSAGES, num_retries=0)
        error = ""
    except litellm.NotFoundError as found:
        error = str(found)
    result = {
        "completion": [whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.total_tokens],
        "stream": [rebuilt.choices[0].message.content, rebuilt.usage.total_tokens],
        "responses": litellm.responses(**known, input="Which seals does the pump need?").output[0].content[0].text,
        "error": error,
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
