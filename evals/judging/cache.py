"""A cache of verdicts. It lets an interrupted run resume."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from service.judging.base import Judge, UnreadableVerdict, Verdict
from service.prompting.base import PromptTemplate

_UNREADABLE = ""


class CachedJudge:
    """A judge that calls the wrapped one only once per rubric text and input. Unreadable answers are cached, too."""

    def __init__(self, judge: Judge, path: Path) -> None:
        self._judge = judge
        self.name = judge.name
        self._path = path
        self._labels = _read(path)
        path.parent.mkdir(parents=True, exist_ok=True)

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        key = self._key(rubric, values)
        label = self._labels.get(key)
        if label is None:
            label = await self._ask(rubric, values)
            self._store(key, label)
        if label == _UNREADABLE:
            raise UnreadableVerdict("The judge's answer was not a verdict.")
        return Verdict(rubric=rubric.version, label=label, score=rubric.verdicts[label])

    async def _ask(self, rubric: PromptTemplate, values: Mapping[str, str]) -> str:
        try:
            return (await self._judge.judge(rubric, values)).label
        except UnreadableVerdict:  # At temperature 0, a repeated call would give the same answer.
            return _UNREADABLE

    def _key(self, rubric: PromptTemplate, values: Mapping[str, str]) -> str:
        identity = [self.name, rubric.version.hash, sorted(rubric.verdicts), sorted(values.items())]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    def _store(self, key: str, label: str) -> None:
        self._labels[key] = label
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, label]) + "\n")


def _read(path: Path) -> dict[str, str]:
    labels: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            key, label = json.loads(line)
        except ValueError:  # The incomplete last line of a killed run.
            continue
        labels[key] = label
    return labels
