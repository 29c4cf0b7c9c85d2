"""`splade doctor`: what is installed, what computes, and what is missing for what."""

from __future__ import annotations

import typer

from splade_cli.cli.options import outputs


def doctor(json_output: outputs.Json = False) -> None:
    """Check this installation: versions, device, kernels, caches, extras."""
    from dataclasses import asdict

    from splade_cli.cli.render import console
    from splade_cli.doctor.diagnose import diagnose

    findings = diagnose()
    broken = [one for one in findings if one.state == "broken"]
    if json_output:
        rows = [asdict(one) for one in findings]
        console.json_document({"is_sound": not broken, "findings": rows})
    else:
        width = max(len(one.topic) for one in findings)
        console.lines(
            [f"{one.state:<7}  {one.topic:<{width}}  {' -> '.join(filter(None, (one.said, one.hint)))}"
             for one in findings]
        )  # fmt: skip
    if broken:
        raise typer.Exit(1)
    console.next_command("splade build DOCS -o engine")
