# One image for the API, the worker and the migration; docker-compose.yml says which is which.
FROM python:3.13-slim-trixie AS build
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
# What is not as it was when the versions were pinned is not installed. The embedded servers are for laptops, but
# `girih backup` is made with the tools that come with one.
RUN uv venv /opt/girih
RUN uv pip install --no-cache --python /opt/girih/bin/python --require-hashes --requirement requirements.lock
COPY alembic ./alembic
COPY agent_specs ./agent_specs
COPY docs/reference/diagnostics ./docs/reference/diagnostics
COPY backend ./backend
RUN uv pip install --no-cache --python /opt/girih/bin/python --no-deps .

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/girih girih \
    && install -d -o girih -g girih /var/lib/girih/data
COPY --from=build /opt/girih /opt/girih
ENV PATH=/opt/girih/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GIRIH_HOST=0.0.0.0 \
    GIRIH_PORT=8321 \
    GIRIH_DATA_DIR=/var/lib/girih/data
USER girih
WORKDIR /var/lib/girih
VOLUME /var/lib/girih/data
EXPOSE 8321
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
CMD ["python", "-m", "girih.api"]
