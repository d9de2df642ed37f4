# Redis, Prometheus and Alertmanager from Debian, so that the test needs none of the images that compose.yaml names.
FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends redis-server prometheus prometheus-alertmanager wget \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt
