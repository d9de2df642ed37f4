"""A pytest plugin that records which lines of the programs run: `-p tests.support.line_coverage`.

It inserts a store before each statement when a module is imported. Tracing, as coverage.py does on Python 3.11, doubles
the time of the tests, because it slows libraries and pytest too. coverage.py reports the recorded lines.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from coverage import CoverageData

_PACKAGES = ("rag", "service", "ingest")
_LINES = "__lines__"
"""The variable of a module with one byte per line, which is not zero if the line has run."""

_recorded: dict[str, bytearray] = {}


class RecordingFinder(PathFinder):
    """Finds the modules of the programs."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = super().find_spec(fullname, path, target) if fullname.partition(".")[0] in _PACKAGES else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = RecordingLoader(spec.loader.name, spec.loader.path)
        return spec


class RecordingLoader(SourceFileLoader):
    """Loads a module that records its lines. It neither reads nor writes compiled files, which record nothing."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader knows it
        source = self.get_data(self.path)
        tree = ast.parse(source, self.path)
        _insert_stores(tree)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        lines = 1 + self.get_data(self.path).count(b"\n") + 1
        module.__dict__[_LINES] = _recorded.setdefault(self.path, bytearray(lines))
        super().exec_module(module)


def _insert_stores(tree: ast.Module) -> None:
    """Insert `__lines__[LINE] = 1` before each statement of the tree."""
    for node in list(ast.walk(tree)):
        for _, body in ast.iter_fields(node):
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                body[:] = _with_stores(node, body)


def _with_stores(parent: ast.AST, body: list[ast.stmt]) -> Iterator[ast.stmt]:
    # The lines of `except` and `case` count as run if their blocks are entered.
    first = _header_lines(parent)
    for number, statement in enumerate(body):
        if not _must_be_first(number, statement):
            for line in (*first, *_lines_of(statement)):
                yield _store(line, statement)
            first = ()
        yield statement


def _must_be_first(number: int, statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()):
            return number == 0  # A docstring. Those of fields are statements for coverage.py.
        case ast.ImportFrom(module="__future__"):
            return True
        case _:
            return False


def _header_lines(parent: ast.AST) -> Sequence[int]:
    match parent:
        case ast.ExceptHandler():
            return (parent.lineno,)
        case ast.match_case():
            return (parent.pattern.lineno,)
        case _:
            return ()


def _lines_of(statement: ast.stmt) -> Iterator[int]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield from (decorator.lineno for decorator in statement.decorator_list)
    yield statement.lineno


def _store(line: int, beside: ast.stmt) -> ast.stmt:
    store = ast.parse(f"{_LINES}[{line}] = 1").body[0]
    for node in ast.walk(store):
        ast.copy_location(node, beside)
    return store


def pytest_load_initial_conftests() -> None:
    sys.meta_path.insert(0, RecordingFinder)


def pytest_sessionfinish() -> None:
    # Modules that no test imports must be in the report too.
    modules = [str(path.resolve()) for package in _PACKAGES for path in Path(package).rglob("*.py")]
    data = CoverageData(suffix=True)
    data.add_lines(
        {path: [line for line, has_run in enumerate(_recorded.get(path, b"")) if has_run] for path in modules}
    )
    data.touch_files(modules)
    data.write()
