"""`make mutants`: change one condition at a time and count how many changes the tests find.

A fixed sample of the mutants is run, each against the tests that run its line. Fewer than 90 % found is a failure.
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from tests.mutants.choosing import Choice, measure, read
from tests.mutants.sampling import Mutant, draw_sample

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / ".mutants"
_SIZE = 300
_LEAST_FOUND = 0.9
# A mutant that waits for ever is found, too. The chosen tests take 20 s together on a quiet machine.
_TEST_SECONDS = 60
_TIMEOUT_SECONDS = 180


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--size", type=int, default=_SIZE, help="how many mutants of the sample to run")
    parser.add_argument("--measured", action="store_true", help="choose tests by the coverage of the last run")
    arguments = parser.parse_args()
    _FOLDER.mkdir(exist_ok=True)
    choice = read(_ROOT, _FOLDER) if arguments.measured else measure(_ROOT, _FOLDER)
    mutants = draw_sample(_ROOT, _SIZE)[:: max(1, _SIZE // arguments.size)]
    found = total = 0
    with (_FOLDER / "report.txt").open("w") as report:
        for mutant, is_found in _run_all(mutants, choice):
            total += 1
            found += is_found
            _say(f"{'found    ' if is_found else 'NOT FOUND'} {_describe(mutant)}", report)
        _say(f"{found} of {total} mutants found ({found / total:.0%}; at least {_LEAST_FOUND:.0%} must be).", report)
    return 0 if found >= _LEAST_FOUND * total else 1


def _say(line: str, report: TextIO) -> None:
    for output in (sys.stdout, report):
        print(line, file=output, flush=True)


def _run_all(mutants: Sequence[Mutant], choice: Choice) -> Iterator[tuple[Mutant, bool]]:
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(_copy(Path(folder) / str(number)))
        _require_passing(mutants[0], choice, Path(folder) / "0")

        def run(mutant: Mutant) -> tuple[Mutant, bool]:
            copy = copies.get()
            try:
                return mutant, _is_found(mutant, choice.tests_for(mutant.module, mutant.line), copy)
            finally:
                copies.put(copy)

        yield from pool.map(run, mutants)


def _copy(target: Path) -> Path:
    """Copy the working tree, so that a mutant never touches the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (_ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, target / name)
    return target


def _require_passing(mutant: Mutant, choice: Choice, copy: Path) -> None:
    """Exit if the tests fail in a copy without a change: everything would count as found."""
    if _fails(choice.tests_for(mutant.module, mutant.line), copy):
        sys.exit("The tests pass in the checkout and fail in a copy of it. Do they read a file that git ignores?")


def _is_found(mutant: Mutant, tests: list[str], copy: Path) -> bool:
    with _mutated(copy / mutant.module, mutant.source(_ROOT)):
        return bool(tests) and _fails(tests, copy)


def _fails(tests: list[str], copy: Path) -> bool:
    (copy / "tests.txt").write_text("\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-x", "-q", f"--timeout={_TEST_SECONDS}", "@tests.txt"]
    options = ["-o", f"cache_dir={_ROOT / '.pytest_cache'}"]
    try:
        done = subprocess.run(
            [*command, *options],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode in {4, 5}:
        raise RuntimeError("pytest does not know the chosen tests any more. Run `make mutants` without --measured.")
    return done.returncode != 0


@contextmanager
def _mutated(path: Path, source: str) -> Iterator[None]:
    original = path.read_text()
    path.write_text(source)
    try:
        yield
    finally:
        path.write_text(original)


def _describe(mutant: Mutant) -> str:
    before, after = (_ROOT / mutant.module).read_text().splitlines(), mutant.source(_ROOT).splitlines()
    changed = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[0] in "-+"][2:]
    return f"{mutant.module}:{mutant.line}  {'  ->  '.join(line[1:].strip() for line in changed)}"


if __name__ == "__main__":
    sys.exit(main())
