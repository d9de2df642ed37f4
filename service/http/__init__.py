"""The HTTP interface: routes, schemas, problems and middleware."""
