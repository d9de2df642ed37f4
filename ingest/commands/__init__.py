"""The commands of `python -m ingest`, one module per command.

Each has `add_command(commands)` and `run(arguments, settings)`.
The modules `ingestion`, `watch` and `report` belong to the command `run`.
"""
