"""Request and response bodies, one module for each group of routes.

Bodies end in `Request` or `Response`, parts of a response in `Out`.
"""
