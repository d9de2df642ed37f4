"""The cost of metrics, logs and traces."""
