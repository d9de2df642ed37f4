"""The mutants: each is one module with one condition changed."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

# The code in which a wrong condition loses data, leaks it or stops the service.
_MUTATED = (
    "rag/gate.py",
    "rag/store/**/*.py",
    "ingest/pipeline/**/*.py",
    "service/auth/keys.py",
    "service/http/middleware.py",
    "service/http/problems.py",
    "service/retrieval/**/*.py",
)
# Negations and boundaries. Other operators mostly make code that no longer starts, which every test finds.
_OPERATORS = (
    "AddNot",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
)
# `True` here is not a condition: frozen or unfrozen, the code does the same.
_NOT_CONDITIONS = ("@dataclass(", "strict=True)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change: the n-th place (from 0) where the operator applies in the module."""

    module: str
    line: int
    operator: str
    occurrence: int
    text: str
    """The line before the change."""

    @property
    def hash(self) -> str:
        return hashlib.sha256(f"{self.module}\n{self.operator}\n{self.text}".encode()).hexdigest()

    def source(self, root: Path) -> str:
        """Return the module's text with the change."""
        operator = cosmic_ray.plugins.get_operator(f"core/{self.operator}")()
        changed = mutate_code((root / self.module).read_text(), operator, self.occurrence)
        assert changed is not None
        return str(changed)

    def is_valid(self, root: Path) -> bool:
        """Return False if the change is not valid Python, such as `not` before an assignment expression."""
        try:
            compile(self.source(root), self.module, "exec")
        except SyntaxError:
            return False
        return True


def draw_sample(root: Path, size: int) -> list[Mutant]:
    """Return the valid mutants with the lowest hashes, in the order of modules and lines.

    A hash depends on the changed line and not on its number, so an edit elsewhere does not draw another sample.
    """
    everything = [mutant for module in _modules(root) for mutant in _mutants_of(root, module)]
    ranked = sorted(everything, key=lambda mutant: mutant.hash)
    sample = islice((mutant for mutant in ranked if mutant.is_valid(root)), size)
    return sorted(sample, key=lambda mutant: (mutant.module, mutant.line, mutant.operator, mutant.occurrence))


def _modules(root: Path) -> Sequence[str]:
    return sorted({str(path.relative_to(root)) for pattern in _MUTATED for path in root.glob(pattern)})


def _mutants_of(root: Path, module: str) -> Iterator[Mutant]:
    text = (root / module).read_text()
    lines, nodes = text.splitlines(), list(ast_nodes(get_ast(text)))
    for name in _OPERATORS:
        operator = cosmic_ray.plugins.get_operator(f"core/{name}")()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, ((line, _), _) in enumerate(places):
            if not any(marker in lines[line - 1] for marker in _NOT_CONDITIONS):
                text = lines[line - 1].strip()
                yield Mutant(module=module, line=line, operator=name, occurrence=occurrence, text=text)
