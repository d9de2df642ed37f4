"""The processor time of the backup and the restore of a Qdrant server (ADR 61)."""
