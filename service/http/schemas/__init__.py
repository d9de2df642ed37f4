"""Request and response bodies. Names end in `Request` or `Response`, those of a response's parts in `Out`."""
