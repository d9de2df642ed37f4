"""Text with `{{variables}}`: the notation of MLflow's registry, filled in one pass."""

import string


class Template(string.Template):
    """Values are put in as they are and never read again; `{{` that opens no variable makes the text invalid."""

    pattern = r"""
        \{\{\s*(?:(?P<named>[a-z][a-z_]*)\s*\}\} | (?P<invalid>))
        | (?P<escaped>(?!)) | (?P<braced>(?!))
    """  # type: ignore[assignment]  # A string here becomes a compiled pattern, as the library's documentation says.
