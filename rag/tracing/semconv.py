"""Names of OpenTelemetry's semantic conventions. No other file spells one out.

The names for generative AI are from v1.41.1, the last release that has them. `gen_ai.retrieval.top_k` and
`gen_ai.prompt.version` are from their new registry, which has no release yet (docs/adr/0027).
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.1"

# Generative AI.
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT: Final = "gen_ai.agent.name"
TOOL: Final = "gen_ai.tool.name"
WORKFLOW: Final = "gen_ai.workflow.name"
DATA_SOURCE: Final = "gen_ai.data_source.id"
DIMENSION: Final = "gen_ai.embeddings.dimension.count"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_STOP: Final = "gen_ai.request.stop_sequences"
OUTPUT_TYPE: Final = "gen_ai.output.type"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
EVALUATION: Final = "gen_ai.evaluation.result"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"

# Values of `OPERATION`. The conventions define none for reranking and evaluation, and `plan` is from the new registry.
WORKFLOWS: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
PLAN: Final = "plan"
EXECUTE_TOOL: Final = "execute_tool"
EMBEDDINGS: Final = "embeddings"
RETRIEVAL: Final = "retrieval"
CHAT: Final = "chat"
RERANK: Final = "rerank"
EVALUATE: Final = "evaluate"

# Databases.
DB_SYSTEM: Final = "db.system.name"
DB_COLLECTION: Final = "db.collection.name"
DB_OPERATION: Final = "db.operation.name"
DB_ROWS: Final = "db.response.returned_rows"

# Messaging.
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_TYPE: Final = "messaging.operation.type"
MESSAGING_BODY_SIZE: Final = "messaging.message.body.size"

# General.
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
URL_PATH: Final = "url.path"
URL_QUERY: Final = "url.query"

# Value of `ERROR_TYPE` if the client left. The span's status then stays unset.
CANCELLED: Final = "cancelled"

# Names of this project, where the conventions define none.
TENANT: Final = "groundwork.tenant"
DOCUMENT: Final = "groundwork.document"
MODE: Final = "groundwork.answer.mode"
DECLINED: Final = "groundwork.answer.declined"
CITATIONS: Final = "groundwork.answer.citations"
AGENT_END: Final = "groundwork.agent.end"
OUTCOME: Final = "groundwork.request.outcome"
EMBEDDED_TEXT: Final = "groundwork.embedded.text"
EMBEDDED_TEXTS: Final = "groundwork.embedded.texts"
EXTENT: Final = "groundwork.reranking.extent"
RERANKED_DOCUMENTS: Final = "groundwork.reranking.documents"
RESULT: Final = "groundwork.ingest.result"
ATTEMPT: Final = "groundwork.ingest.attempt"
