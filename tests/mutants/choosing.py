"""Which tests run the line that a mutant changes."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

_TESTS = (
    "tests/unit/rag",
    "tests/unit/ingest/pipeline",
    "tests/unit/ingest/migration",
    "tests/unit/ingest/backup",
    "tests/unit/service",
    "tests/contracts",
)
# The chosen tests take this long together. More tests of the same line seldom find more, and 300 mutants must fit into
# an hour.
_SECONDS_PER_MUTANT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Tests by the line that they run, and the seconds that each passed test takes."""

    root: Path
    coverage: CoverageData
    seconds: Mapping[str, float]

    def tests_for(self, module: str, line: int) -> list[str]:
        """Return tests of the line, or of the module if the line runs at import."""
        by_line = self.coverage.contexts_by_lineno(str(self.root / module))
        lines: defaultdict[str, set[int]] = defaultdict(set)
        for number, contexts in by_line.items():
            for name in _names(contexts) & self.seconds.keys():
                lines[name].add(number)
        # The first line of a statement stands for all of them.
        nearest = max((covered for covered in by_line if covered <= line), default=None)
        found = {name for name, covered in lines.items() if nearest in covered}
        if not found and nearest and "" in by_line[nearest]:
            found = set(lines)
        return self._choose({name: lines[name] for name in found})

    def _choose(self, lines: Mapping[str, set[int]]) -> list[str]:
        """Return tests that take at most 20 s together: first those that run lines which no quicker one runs.

        If each takes longer, return the first one alone.

        Otherwise hundreds of quick tests that only pass through a line would leave no time for the test of its purpose.
        """
        first, others, seen = list[str](), list[str](), set[int]()
        for name in sorted(lines, key=lambda name: (self.seconds[name], name)):
            (others if lines[name] <= seen else first).append(name)
            seen |= lines[name]
        chosen: list[str] = []
        left = float(_SECONDS_PER_MUTANT)
        for name in [*first, *others]:
            if not chosen or self.seconds[name] <= left:
                left -= self.seconds[name]
                chosen.append(name)
        return chosen


def measure(root: Path, folder: Path) -> Choice:
    """Run the tests once without a change; exit if one fails, because it would find every mutant."""
    data, durations = folder / "coverage", folder / "durations.json"
    command = [sys.executable, "-m", "pytest", *_TESTS, "-q", "-n", "auto", "--cov", "--cov-context=test"]
    done = subprocess.run(
        [*command, "--cov-report=", "-p", "tests.mutants.durations"],
        cwd=root,
        env=os.environ | {"COVERAGE_FILE": str(data), "MUTANTS_DURATIONS": str(durations)},
        check=False,
    )
    if done.returncode != 0:
        sys.exit("The tests fail without a change. Fix them first.")
    return read(root, folder)


def read(root: Path, folder: Path) -> Choice:
    coverage = CoverageData(str(folder / "coverage"))
    coverage.read()
    return Choice(root=root, coverage=coverage, seconds=json.loads((folder / "durations.json").read_text()))


def _names(contexts: Sequence[str]) -> set[str]:
    """Read test names out of contexts, which are `test|phase`, or empty for an import."""
    parts = (context.rpartition("|") for context in contexts)
    return {name for name, _, phase in parts if name and phase != "teardown"}
