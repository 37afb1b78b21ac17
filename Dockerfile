# Two images from one file:
#   docker build --target serve -t recsvc .            answers over HTTP; no trainer in it
#   docker build --target train -t recsvc-trainer .    learns; the same and the extra `train`
# Both run as 10001:10001 on a read-only root file system and write to /data (the store) and /tmp alone.
#
# The base is pinned by tag, to the Python that CI runs. For a release pin its digest as well: look it up with
# `docker buildx imagetools inspect python:3.11-slim-bookworm` and append it as @sha256:….

FROM python:3.11-slim-bookworm AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# LightGBM runs on OpenMP, which its wheel does not bring.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 recsvc \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin recsvc \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data

# The wheel, built by a build backend that is locked like everything else.
FROM base AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/build.txt
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary=:all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY training training
COPY recsvc recsvc
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels .

FROM base AS serve-packages
WORKDIR /src
COPY requirements/serve.txt requirements/serve.txt
RUN python -m venv /opt/recsvc \
    && /opt/recsvc/bin/pip install --require-hashes --only-binary=:all: -r requirements/serve.txt
COPY --from=wheel /wheels /wheels
RUN /opt/recsvc/bin/pip install --no-index --no-deps --find-links /wheels recsvc

FROM base AS train-packages
WORKDIR /src
COPY requirements/train.txt requirements/train.txt
RUN python -m venv /opt/recsvc \
    && /opt/recsvc/bin/pip install --require-hashes --only-binary=:all: -r requirements/train.txt
COPY --from=wheel /wheels /wheels
RUN /opt/recsvc/bin/pip install --no-index --no-deps --find-links /wheels recsvc

FROM base AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="recsvc" \
      org.opencontainers.image.description="Personalised recommendations and offers for shops, learned from purchases" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
ENV PATH=/opt/recsvc/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RECSVC_STORE=/data
WORKDIR /data
VOLUME ["/data", "/tmp"]
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS train
COPY --from=train-packages /opt/recsvc /opt/recsvc
ENV MPLCONFIGDIR=/tmp/matplotlib
CMD ["recsvc", "train", "--help"]

# Last, so that a plain `docker build .` makes the service.
FROM runtime AS serve
COPY --from=serve-packages /opt/recsvc /opt/recsvc
EXPOSE 8000
# Ready means: a bundle is published and loaded. Until the first training the service answers 503 here.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["recsvc", "serve", "--host", "0.0.0.0", "--port", "8000"]
