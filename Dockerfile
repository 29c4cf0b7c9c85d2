FROM python:3.13-slim

RUN useradd --create-home --uid 1000 splade && mkdir /data && chown splade /data
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY splade_cli splade_cli
COPY sample_docs sample_docs
RUN pip install --no-cache-dir "uv>=0.9,<1" \
    && uv pip install --system --no-cache --torch-backend cpu ".[serve,postgres]" \
    && rm -rf /src/splade_cli /src/sample_docs

USER 1000
WORKDIR /data
ENV SPLADE_DEVICE=cpu
VOLUME /data
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=5)"]
ENTRYPOINT ["splade"]
CMD ["serve", "--index", "/data/index", "--host", "0.0.0.0", "--marks", "/data/marks.jsonl"]
