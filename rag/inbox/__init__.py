"""The queue between the service, which accepts documents, and the workers, which ingest them."""
