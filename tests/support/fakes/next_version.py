"""The real `python -m ingest` of a next version, whose collections have a schema that this version does not know.

python -m tests.support.fakes.next_version upgrade
"""

import sys

from rag.store import schema

schema.SCHEMA += 1

from ingest.__main__ import main  # noqa: E402 - modules that use the number are imported after its change
from rag.store import earlier  # noqa: E402 - likewise

if __name__ == "__main__":
    earlier.STEPS = {**earlier.STEPS, schema.SCHEMA - 1: lambda payload: payload}
    sys.exit(main())
