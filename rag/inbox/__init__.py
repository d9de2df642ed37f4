"""The queue between the service, which accepts documents, and the worker, which takes them in."""
