"""The service as clients of OpenAI's API and of MCP see it. They are installed in an environment of their own."""
