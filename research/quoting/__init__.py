"""The weights of the evidence from which the service decides whether a quote is likely to answer (ADR 65)."""
