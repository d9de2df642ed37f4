"""The kernel: everything that service and ingest worker must agree on."""

__version__ = "0.1.0"
