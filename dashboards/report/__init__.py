"""A few graphs of the dashboards from a Prometheus, as pictures and one HTML file, where there is no Grafana."""
