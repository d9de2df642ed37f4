"""Dashboards, rules and runbooks agree with the metrics."""
