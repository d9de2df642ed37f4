"""Templates with `{{variables}}`, the notation of MLflow's registry."""

import string


class Template(string.Template):
    """A template that is filled in one pass, so that values are never interpreted. A stray `{{` is invalid."""

    pattern = r"""
        \{\{\s*(?:(?P<named>[a-z][a-z_]*)\s*\}\} | (?P<invalid>))
        | (?P<escaped>(?!)) | (?P<braced>(?!))
    """  # type: ignore[assignment]  # A string here becomes a compiled pattern, as the library's documentation says.
