"""The five dashboards, from the service level objectives down to the utilisation of each part."""
