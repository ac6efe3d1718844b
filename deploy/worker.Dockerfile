# A worker, and nothing else: no embedded server, no examples, no test tools, no build backend.
#
#   docker build --file deploy/worker.Dockerfile --tag lockstep-worker .
#
# Mount the agent package read-only; arguments are those of `lockstep worker`. An agent whose tools need
# packages of their own has an image of its own, FROM this one.
#
#   docker run --read-only --tmpfs /tmp --volume "$PWD/cluster_digest:/agent:ro" \
#       --volume lockstep:/var/lib/lockstep \
#       --env TEMPORAL_ADDRESS=temporal.internal:7233 --env TEMPORAL_NAMESPACE=prod \
#       lockstep-worker --agent /agent --env prod
#
# /var/lib/lockstep holds the steps' outputs by digest: all workers of a queue must share it.
#
# The connection is Temporal's own configuration: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
# TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (mount both),
# TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME; or TEMPORAL_CONFIG_FILE (mount it) and
# TEMPORAL_PROFILE. What the manifest's `${PLACEHOLDERS}` ask for comes from the environment too.
#
# No health check: a worker listens on no port, and whether it polls is seen on the task queue.
# Stop with SIGTERM: running steps get ten seconds, what is left is retried by another worker.

FROM python:3.11-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:

COPY requirements/worker.txt requirements/build.txt requirements/
RUN python -m venv /opt/lockstep \
    && /opt/lockstep/bin/pip install --require-hashes -r requirements/worker.txt \
    && python -m pip install --require-hashes -r requirements/build.txt

COPY pyproject.toml README.md LICENSE ./
COPY lockstep lockstep
COPY policies policies
COPY activities activities
COPY workflows workflows
COPY worker worker
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/lockstep/bin/pip install --no-deps /dist/*.whl

FROM python:3.11-slim
COPY --from=build /opt/lockstep /opt/lockstep
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin lockstep \
    && install --directory --owner 10001 --mode 0700 /var/lib/lockstep
ENV PATH=/opt/lockstep/bin:$PATH PYTHONUNBUFFERED=1 LOCKSTEP_HOME=/var/lib/lockstep
VOLUME /var/lib/lockstep
USER 10001
ENTRYPOINT ["lockstep", "worker"]
