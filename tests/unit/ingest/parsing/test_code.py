import pytest

from tests.support.formats.documents import bare_sections, parse_document, section

PYTHON = '''"""Shapes."""

import math

# Of a circle.
@cached
def area(r):
    return math.pi * r**2


class Square:
    def area(self):
        return self.side**2

print(area(2))
'''


def sections(body: str, name: str):
    return bare_sections(parse_document(body, "text/x-code", name=name))


def test_python_is_split_at_definitions_with_their_comments_and_decorators():
    assert sections(PYTHON, "shapes.py") == (
        section('```py\n"""Shapes."""\n\nimport math\n```', "shapes.py"),
        section(
            "```py\n# Of a circle.\n@cached\ndef area(r):\n    return math.pi * r**2\n```", "shapes.py", "def area"
        ),
        section(
            "```py\nclass Square:\n    def area(self):\n        return self.side**2\n```", "shapes.py", "class Square"
        ),
        section("```py\nprint(area(2))\n```", "shapes.py"),
    )


def test_a_long_class_is_split_into_methods():
    methods = "".join(f"    def m{n}(self):\n" + "        pass\n" * 20 for n in range(4))

    paths = [part.heading_path for part in sections(f"class Big:\n    x = 1\n{methods}", "big.py")]

    assert paths == [("big.py", "class Big"), *(("big.py", "class Big", f"def m{n}") for n in range(4))]


def test_no_line_is_lost_or_moved():
    text = "\n".join(part.text for part in sections(PYTHON, "shapes.py"))

    code_lines = [line for line in text.split("\n") if line.strip() and not line.startswith("```")]
    assert code_lines == [line for line in PYTHON.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("name", "code", "headings"),
    [
        ("a.go", "package a\n\n// Adds.\nfunc Add(a, b int) int {\n\treturn a + b\n}\n", ["func Add(a, b int) int"]),
        ("a.ts", "import x from 'x';\nexport const f = (a) => {\n  y();\n};\nexport class B {\n}\n", None),
        ("a.c", "#include <a.h>\nint main(void) {\n  if (x) {\n  }\n}\n", ["int main(void)"]),
        ("a.rs", "use a;\n\n#[test]\npub fn f() {\n}\nimpl A for B {\n}\n", ["pub fn f()", "impl A for B"]),
        ("a.sql", "SELECT 1;\nCREATE TABLE a (\n  id int\n);\n", ["CREATE TABLE a"]),
        ("a.sh", "set -e\nrun() {\n  ls\n}\nif true; then\n  run\nfi\n", ["run()"]),
        ("a.toml", "x = 1\n[tool.ruff]\ny = 2\n[[many]]\nz = 3\n", ["tool.ruff", "many"]),
        ("a.yaml", "# All.\nname: x\njobs:\n  build:\n    a: 1\n", ["jobs"]),
        ("a.py", "print 'of another age'\ndef f():\n    pass\n", ["def f()"]),
    ],
)
def test_other_languages_are_split_at_lines_that_look_like_definitions(name, code, headings):
    found_headings = [part.heading_path[1] for part in sections(code, name) if len(part.heading_path) > 1]

    assert found_headings == (headings or ["export const f = (a) =>", "export class B"])


def test_a_fence_inside_the_code_does_not_end_the_block():
    [only] = sections('x = """\n```sh\nls\n```\n"""\n', "a.py")

    assert only.text.startswith("````py\n")


@pytest.mark.parametrize("code", ["(" * 5_000, "-" * 500_000 + "1", "1" + "+1" * 200_000, "a" * 1_000_000])
def test_code_that_crashes_the_python_parser_is_still_parsed_as_text(code):
    assert sections(code, "a.py")
