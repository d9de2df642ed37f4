"""The commands of `python -m ingest`, one file per command."""
