"""Installed packages against the versions that this package declares; its extras, and what each is for."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from splade_cli.doctor.findings import Finding

NAME = "splade-cli"
EXTRAS = {
    "onnx": "ONNX graphs: export, and quick queries of any model",
    "openvino": "OpenVINO: export",
    "documents": "Word, PowerPoint and Excel",
    "dense": "a dense teacher, and dense search beside the sparse one",
    "serve": "the HTTP server and its page",
    "tracking": "TensorBoard and MLflow",
    "postgres": "an index in PostgreSQL with pgvector",
    "milvus": "an index in Milvus",
    "seekdb": "an index in OceanBase seekdb",
    "mteb": "tasks of MTEB",
    "mcp": "an index as tools of agents",
    "langchain": "a retriever for LangChain",
    "langchain-qdrant": "sparse embeddings for LangChain's Qdrant store",
    "langchain-milvus": "sparse embeddings for LangChain's Milvus store",
    "llama-index": "a retriever for LlamaIndex",
    "haystack": "a retriever and embedders for Haystack",
    "pyterrier": "a transformer for PyTerrier",
    "peers": "other engines to measure against",
}
"""What each extra is for. ``dev`` and ``docs`` are for those who work on this package, and not listed."""


def declared(extra: str = "") -> list[Requirement]:
    """What this package needs on this platform: without an extra, or what an extra adds.

    Raises:
        PackageNotFoundError: the code runs from a folder that is not installed.
    """
    found = []
    for line in requires(NAME) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        without = marker is None or marker.evaluate({"extra": ""})
        if not extra and without:
            found.append(requirement)
        if extra and marker is not None and not without and marker.evaluate({"extra": extra}):
            found.append(requirement)
    return found


def wrong_versions(requirements: Iterable[Requirement]) -> tuple[list[str], list[str]]:
    """Names that are not installed; and those that are in a version that is not declared, with both."""
    absent = []
    unfit = []
    for requirement in requirements:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            absent.append(requirement.name)
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            unfit.append(f"{requirement.name} {installed}, not {requirement.specifier}")
    return absent, unfit


def package_findings() -> list[Finding]:
    """One finding about all packages that are always needed."""
    try:
        needed = declared()
    except PackageNotFoundError:
        hint = "pip install -e . in the folder of the sources"
        return [Finding("packages", "missing", "splade runs from its sources and is not installed", hint)]
    absent, unfit = wrong_versions(needed)
    if absent or unfit:
        said = "; ".join([f"{name} is not installed" for name in absent] + unfit)
        return [Finding("packages", "broken", said, f"pip install --upgrade {NAME}")]
    shown = ", ".join(
        f"{name} {version(name)}" for name in ("transformers", "sentence-transformers", "numpy")
    )
    return [Finding("packages", "ok", f"{len(needed)} as declared, such as {shown}")]


def extra_findings() -> list[Finding]:
    """One finding about each extra; empty where the sources are not installed."""
    found = []
    for extra, purpose in EXTRAS.items():
        try:
            needed = declared(extra)
        except PackageNotFoundError:
            return []
        if not needed:
            continue  # the metadata of an installation that is older than these sources
        absent, unfit = wrong_versions(needed)
        install = f'pip install "{NAME}[{extra}]"'
        topic = f"extra {extra}"
        if unfit:
            found.append(Finding(topic, "broken", f"{'; '.join(unfit)} ({purpose})", install))
        elif absent:
            found.append(Finding(topic, "missing", f"{purpose}; needs {', '.join(absent)}", install))
        else:
            versions = ", ".join(f"{one.name} {version(one.name)}" for one in needed)
            found.append(Finding(topic, "ok", f"{purpose}: {versions}"))
    return found
