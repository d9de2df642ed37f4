"""Names of OpenTelemetry's semantic conventions. No other file spells one out.

The names for generative AI are from v1.41.1, the last release that has them. `gen_ai.retrieval.top_k` and
`gen_ai.prompt.version` are from their new registry, which has no release yet (docs/adr/0027).
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.1"

# Generative AI.
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
TOOL = "gen_ai.tool.name"
WORKFLOW = "gen_ai.workflow.name"
DATA_SOURCE = "gen_ai.data_source.id"
DIMENSION = "gen_ai.embeddings.dimension.count"
RETRIEVAL_TOP_K = "gen_ai.retrieval.top_k"
RETRIEVAL_QUERY = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_STOP = "gen_ai.request.stop_sequences"
OUTPUT_TYPE = "gen_ai.output.type"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
EVALUATION = "gen_ai.evaluation.result"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_SCORE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"

# Values of `OPERATION`. The conventions define none for reranking and evaluation, and `plan` is from the new registry.
WORKFLOWS = "invoke_workflow"
INVOKE_AGENT = "invoke_agent"
PLAN = "plan"
EXECUTE_TOOL = "execute_tool"
EMBEDDINGS = "embeddings"
RETRIEVAL = "retrieval"
CHAT = "chat"
RERANK = "rerank"
EVALUATE = "evaluate"

# Databases.
DB_SYSTEM = "db.system.name"
DB_COLLECTION = "db.collection.name"
DB_OPERATION = "db.operation.name"
DB_ROWS = "db.response.returned_rows"

# Messaging.
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_OPERATION = "messaging.operation.name"
MESSAGING_TYPE = "messaging.operation.type"
MESSAGING_BODY_SIZE = "messaging.message.body.size"

# General.
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
URL_PATH = "url.path"
URL_QUERY = "url.query"

# Value of `ERROR_TYPE` if the client left. The span's status then stays unset.
CANCELLED = "cancelled"

# Names of this project, where the conventions define none.
TENANT = "groundwork.tenant"
DOCUMENT = "groundwork.document"
MODE = "groundwork.answer.mode"
DECLINED = "groundwork.answer.declined"
UNSURE = "groundwork.answer.unsure"
CITATIONS = "groundwork.answer.citations"
AGENT_END = "groundwork.agent.end"
OUTCOME = "groundwork.request.outcome"
EMBEDDED_TEXT = "groundwork.embedded.text"
EMBEDDED_TEXTS = "groundwork.embedded.texts"
EXTENT = "groundwork.reranking.extent"
RERANKED_DOCUMENTS = "groundwork.reranking.documents"
RESULT = "groundwork.ingest.result"
ATTEMPT = "groundwork.ingest.attempt"
