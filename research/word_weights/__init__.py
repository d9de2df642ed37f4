"""Rankings by words over shards, replaced points and tenants of different size (ADR 62)."""
