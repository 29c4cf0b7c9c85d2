"""`splade terms`: the terms of an index that are in so many documents that they tell none apart."""

from __future__ import annotations

from typing import Annotated

import typer

from splade_cli.cli.options import checks, inputs, outputs


def terms(
    index: inputs.RequiredIndex,
    above: Annotated[
        float, typer.Option("--above", help="Share of the documents above which a term is listed.")
    ] = 0.2,
    language: Annotated[
        str | None, typer.Option("--language", help="Whose stop words are named.", show_default="guessed")
    ] = None,
    json_output: outputs.Json = False,
) -> None:
    """Report frequent terms: active in so many documents that they tell none apart."""
    checks.require_index(index)

    from dataclasses import asdict

    from splade_cli.cli.render import console
    from splade_cli.cli.render import frequent_terms as render
    from splade_cli.engines.local import LocalEngine
    from splade_cli.index.index import SpladeIndex
    from splade_cli.search.explain.frequent_terms import frequent_terms
    from splade_cli.search.opening import open_matcher

    opened = SpladeIndex.open(index)
    engine = LocalEngine(opened)
    report = frequent_terms(engine, opened.vocabulary, open_matcher(opened), above, language)
    if json_output:
        console.json_document(asdict(report))
        return
    render.frequent_terms(report)
    if report.terms:
        console.next_command(
            "splade train ... --set loss.document_regularizer=df_flops, then splade index again"
        )
