"""The gate: metrics that a change must not make worse (ADR 0019)."""
