"""A study of the embedded engine with up to millions of points (ADR 0033)."""
