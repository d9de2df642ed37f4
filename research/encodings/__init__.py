"""Which share of texts is decoded correctly without a declared encoding, and what is warned about (ADR 52)."""
