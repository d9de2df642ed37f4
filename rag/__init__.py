"""The kernel: everything that service and ingest worker must agree on."""

from rag.environment import prepare_environment

__version__ = "0.1.0"

# The one thing that an import does. Libraries read these variables when they are imported, and every program, test and
# notebook imports this package before the first library that would report to its maker.
prepare_environment()
