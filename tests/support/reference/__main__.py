"""`python -m tests.support.reference`: write the pages of docs/reference and rag/variables.txt from the code."""

import os
import sys

from tests.support.reference.pages import render_files


def main() -> int:
    for path, text in render_files().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{os.path.relpath(path)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
