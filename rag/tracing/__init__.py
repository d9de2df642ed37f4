"""Traces: spans after OpenTelemetry's conventions, to a collector where one is configured."""
