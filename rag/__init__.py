"""The kernel: what the process that writes the collection and the process that reads it must agree on."""

__version__ = "0.1.0"
