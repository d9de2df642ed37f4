"""`python -m tests.support.reference`: write the pages of docs/reference from the code."""

import sys

from tests.support.reference.pages import FOLDER, render_pages


def main() -> int:
    for name, text in render_pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
