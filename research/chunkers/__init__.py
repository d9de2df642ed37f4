"""A comparison of chunkers by recall and precision of the retrieved text (ADR 0022)."""
