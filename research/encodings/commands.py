"""`python -m research encodings`."""

import argparse
from collections import Counter
from dataclasses import dataclass

from evals.commands import Commands, add_json, print_table
from ingest.parsing.encoding.decoding import decode
from rag.errors import InvalidInput
from research.encodings.corpus import EncodedText, encoded_texts
from service.settings import Settings

EXAMPLES = "  python -m research encodings                                     decodes texts without a declaration"
_HEADER = (
    "| form | texts | right | of them with a warning | wrong with a warning | wrong without one |\n"
    "|---|---|---|---|---|---|"
)
_REPORTED = 1


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "encodings", help="measure which texts are decoded correctly although they do not declare their encoding"
    )
    command.set_defaults(run=_encodings)
    command.add_argument("--half", type=int, choices=(0, 1), default=_REPORTED, help="half of the corpus (default: 1)")
    add_json(command)


def _encodings(arguments: argparse.Namespace, settings: Settings) -> None:
    del settings
    counts: dict[str, Counter[tuple[bool, bool]]] = {}
    for encoded in encoded_texts(arguments.half):
        is_right, has_warning = _outcome_of(encoded)
        for form in (encoded.form, "all"):
            counts.setdefault(form, Counter())[is_right, has_warning] += 1
        if not is_right:
            print(f"wrong: {encoded.encoding}, {encoded.language}, {encoded.form}")
    forms = [*(form for form in counts if form != "all"), "all"]
    print_table(_HEADER, [FormResult.of(form, counts[form]) for form in forms], arguments.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormResult:
    """How many texts of one form came out right."""

    form: str
    texts: int
    right: int
    right_with_warning: int
    wrong_with_warning: int
    wrong_without_warning: int

    @classmethod
    def of(cls, form: str, counts: Counter[tuple[bool, bool]]) -> "FormResult":
        return cls(
            form=form,
            texts=counts.total(),
            right=counts[True, False] + counts[True, True],
            right_with_warning=counts[True, True],
            wrong_with_warning=counts[False, True],
            wrong_without_warning=counts[False, False],
        )

    def to_row(self) -> str:
        numbers = (self.texts, self.right, self.right_with_warning, self.wrong_with_warning, self.wrong_without_warning)
        return f"| {self.form} | {' | '.join(map(str, numbers))} |"


def _outcome_of(encoded: EncodedText) -> tuple[bool, bool]:
    """Return whether the text came out right, and whether there is a warning. A rejection counts as one."""
    try:
        decoded = decode(encoded.body)
    except InvalidInput:
        return False, True
    return decoded.text == encoded.text, bool(decoded.warnings)
