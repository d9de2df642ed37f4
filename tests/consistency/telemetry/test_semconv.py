"""The names of OpenTelemetry's semantic conventions are in one place and exist in the conventions."""

import re
from importlib import import_module
from pathlib import Path

from rag.tracing import semconv

ROOT = Path(__file__).parents[3]
NAMES = ("semconv.py", "openinference.py")
LITERAL = re.compile(r"""["'](?:gen_ai|db|messaging|openinference|llm|error|server)\.\w+(?:\.\w+)*["']""")
# Names that the installed package does not have yet, and the name of an event.
NEWER = {"gen_ai.retrieval.top_k", "gen_ai.prompt.version", "gen_ai.evaluation.result"}


def test_no_other_file_contains_a_name_of_the_conventions():
    files = [path for package in ("rag", "service", "ingest", "evals") for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    found = {
        str(path.relative_to(ROOT)): LITERAL.findall(path.read_text())
        for path in files
        if not (path.parent.name == "tracing" and path.name in NAMES) and LITERAL.search(path.read_text())
    }
    assert found == {}


def test_every_name_exists_in_the_conventions():
    known = set()
    for subject in ("gen_ai", "db", "messaging", "server", "error", "url"):
        module = import_module(f"opentelemetry.semconv._incubating.attributes.{subject}_attributes")
        known |= {value for value in vars(module).values() if isinstance(value, str)}
    ours = {value for name, value in vars(semconv).items() if name.isupper() and "." in value and "/" not in value}
    assert {name for name in ours if not name.startswith("groundwork.")} - known == NEWER
