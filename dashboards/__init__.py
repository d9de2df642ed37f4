"""What Grafana, Prometheus and Alertmanager are given: `python -m dashboards` writes what is generated."""
