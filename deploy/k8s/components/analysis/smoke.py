"""Ask a service the questions of a file and fail if answers are missing, late or without a citation.

Usage: smoke.py QUESTIONS. The environment sets SMOKE_URL, SMOKE_API_KEY and the limits below. questions.txt must
contain questions that your own documents answer. The script is mounted into the service's image, so it uses only
Python's standard library.
"""

import json
import math
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_FIRST_TEXT_SECONDS = float(os.environ.get("SMOKE_FIRST_TEXT_SECONDS", "2"))
MIN_GROUNDED = float(os.environ.get("SMOKE_GROUNDED", "0.95"))
MAX_DECLINED = float(os.environ.get("SMOKE_DECLINED", "0.2"))
# Several rounds, because the p95 of a handful of answers is the slowest of them.
_ROUNDS = 4
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one question as a user sees it."""

    first_text: float = math.inf
    declined: bool = False
    cited: bool = False
    fault: str = ""


def main(questions: Path) -> int:
    lines = [line.strip() for line in questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    report = _report([_ask(question) for _ in range(_ROUNDS) for question in lines])
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if not report["faults"] and report["good"] else 1


def _report(results: list[Result]) -> dict[str, Any]:
    answers = [it for it in results if not it.fault]
    written = [it for it in answers if not it.declined]
    p95 = sorted(it.first_text for it in answers)[math.ceil(0.95 * len(answers)) - 1] if answers else None
    declined = (len(answers) - len(written)) / len(answers) if answers else 1.0
    grounded = sum(it.cited for it in written) / len(written) if written else 0.0
    good = p95 is not None and p95 <= MAX_FIRST_TEXT_SECONDS and grounded >= MIN_GROUNDED and declined <= MAX_DECLINED
    faults = sorted({it.fault for it in results if it.fault})
    return {
        "asked": len(results),
        "faults": faults,
        "first_text_p95_seconds": p95 and round(p95, 3),
        "declined": round(declined, 3),
        "grounded": round(grounded, 3),
        "good": good,
    }


def _ask(question: str) -> Result:
    body = json.dumps({"question": question, "stream": True}).encode()
    request = urllib.request.Request(f"{os.environ['SMOKE_URL']}/v1/answers", data=body, method="POST")
    request.add_header("Content-Type", "application/json")
    if key := os.environ.get("SMOKE_API_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    began, first = time.monotonic(), math.inf
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            for event, data in _events(answer):
                if event == "token":
                    first = min(first, time.monotonic() - began)
                elif event == "error":
                    return Result(fault=f"the stream ended with an error: {data.get('title', 'no reason given')}")
                elif event == "done":
                    first = min(first, time.monotonic() - began)
                    return Result(first_text=first, declined=data["declined"], cited=bool(data["citations"]))
    except urllib.error.HTTPError as error:
        return Result(fault=f"status {error.code}")
    except OSError as error:
        return Result(fault=f"not reachable: {error}")
    return Result(fault="the stream ended without `done`")


def _events(lines: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    event = ""
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
