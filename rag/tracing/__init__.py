"""Traces: spans with OpenTelemetry's conventions, exported to a collector if one is configured."""
