"""The dashboards, from what is promised down to what is running full."""
