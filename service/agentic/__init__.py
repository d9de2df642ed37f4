"""The mode agentic: plan, search, grade and search again, then write, verify and repair (ADR 72)."""
