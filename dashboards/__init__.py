"""Configuration for Grafana, Prometheus and Alertmanager. `python -m dashboards` writes the generated part."""
