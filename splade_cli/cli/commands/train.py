"""`splade train`: training files to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from splade_cli.cli.options import checks, machine, outputs


def train(
    train_file: Annotated[
        Path | None, typer.Option("--train-file", help="Training rows, e.g. train.json.")
    ] = None,
    val_file: Annotated[Path | None, typer.Option("--val-file", help="Held-out rows, e.g. val.json.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; the model goes to its final/.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A YAML file; flags win over it.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", help="Settings to start from: splade, inference-free, csr, laspar, or a larger one."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: section.key=value; may be repeated.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Base model: 'tiny', a folder, or a hub id.", show_default="tiny"),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Documents without queries: what csr learns from.")
    ] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Passes over the rows.")] = None,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", help="Optimiser steps, instead of epochs.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Queries in a step.")] = None,
    accumulation: Annotated[
        int | None, typer.Option("--accumulate", help="Steps added up before an update.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="Peak learning rate.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="auto, contrastive, kl, in_batch_kl or margin_mse.")
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option("--teacher", help="A model, or bm25, that scores rows; may be repeated."),
    ] = None,
    negatives: Annotated[int | None, typer.Option("--negatives", help="Negatives a row, at most.")] = None,
    target_doc_terms: Annotated[
        float | None, typer.Option("--target-doc-terms", help="Active terms wanted of a document, e.g. 150.")
    ] = None,
    target_query_terms: Annotated[
        float | None, typer.Option("--target-query-terms", help="Active terms wanted of a query, e.g. 30.")
    ] = None,
    lambda_q: Annotated[float | None, typer.Option("--lambda-q", help="FLOPS weight of queries.")] = None,
    lambda_d: Annotated[float | None, typer.Option("--lambda-d", help="FLOPS weight of documents.")] = None,
    max_length: machine.MaxLength = None,
    truncate: Annotated[
        int | None,
        typer.Option("--truncate", help="Tokens of a text that a step reads: faster; the model reads all."),
    ] = None,
    eval_steps: Annotated[int | None, typer.Option("--eval-steps", help="Steps between validations.")] = None,
    patience: Annotated[
        int | None, typer.Option("--early-stopping", help="Stop after N validations without a gain.")
    ] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="fp32, bf16 or fp16.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Same seed, same model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    resume_from: Annotated[
        Path | None, typer.Option("--resume-from", help="Go on from this checkpoint.")
    ] = None,
    guard: Annotated[
        Path | None,
        typer.Option("--guard", help="A collection that must not get worse: measured before and after."),
    ] = None,
    push_to_hub: Annotated[
        str | None, typer.Option("--push-to-hub", help="Publish the model as NAME/MODEL when it is done.")
    ] = None,
    force: outputs.Force = False,
    trust_remote_code: Annotated[
        bool | None,
        typer.Option("--trust-remote-code", help="Run Python code that the model's repository brings."),
    ] = None,
    allow_pickle: Annotated[
        bool | None, typer.Option("--allow-pickle", help="Read weights that are not safetensors.")
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Every setting and where it came from.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    report_file: outputs.Report = None,
    json_output: outputs.Json = False,
) -> None:
    """Fine-tune a SPLADE model: distillation where rows carry scores, else in-batch and hard negatives."""
    import os

    from splade_cli.cli.render import console
    from splade_cli.cli.render import training as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.cli.usage import UsageError
    from splade_cli.config.resolve import resolve

    if precision not in (None, "fp32", "bf16", "fp16"):
        raise UsageError(f"unknown precision '{precision}'", "one of fp32, bf16, fp16")
    checks.require_report(report_file)
    checks.positive(
        epochs=epochs,
        batch_size=batch_size,
        max_steps=max_steps,
        learning_rate=learning_rate,
        accumulate=accumulation,
        max_length=max_length,
        truncate=truncate,
        eval_steps=eval_steps,
        early_stopping=patience,
        target_doc_terms=target_doc_terms,
        target_query_terms=target_query_terms,
    )
    flags: dict[str, Any] = {
        "datasets.train_file": _text(train_file),
        "datasets.val_file": _text(val_file),
        "datasets.corpus": _text(corpus),
        "evaluation.guard": _text(guard),
        "training.output_dir": _text(output),
        "model.base_model": model,
        "model.trust_remote_code": trust_remote_code,
        "model.allow_pickle": allow_pickle,
        "training.num_train_epochs": epochs,
        "training.max_steps": max_steps,
        "training.per_device_train_batch_size": batch_size,
        "training.gradient_accumulation_steps": accumulation,
        "training.learning_rate": learning_rate,
        "training.negatives_per_query": negatives,
        "training.max_seq_length": max_length,
        "training.truncate_to": truncate,
        "training.eval_steps": eval_steps,
        "training.early_stopping_patience": patience,
        "training.seed": seed,
        "training.push_to_hub": bool(push_to_hub) or None,
        "training.hub_model_id": push_to_hub,
        "loss.type": loss,
        "loss.teachers": teacher or None,
        "loss.target_document_terms": target_doc_terms,
        "loss.target_query_terms": target_query_terms,
        "loss.query_regularizer_weight": lambda_q,
        "loss.document_regularizer_weight": lambda_d,
        "hardware.device": device,
    }
    if precision is not None:
        flags["training.bf16"] = precision == "bf16"
        flags["training.fp16"] = precision == "fp16"
    resolved = resolve(
        yaml_file=config, preset=preset, environment=os.environ, flags=flags, settings=settings or ()
    )
    if print_config:
        render.configuration(resolved, json_output)
        return
    is_first = int(os.environ.get("RANK", "0")) == 0  # of several processes: it speaks for all
    folder = resolved.config.training.output_dir
    if is_first and folder and not (resume or resume_from):
        from splade_cli.storage.files import claim_output

        claim_output(Path(folder), force)  # before libraries of models are loaded
    if is_first and folder and resume and not _has_checkpoint(Path(folder)):
        console.note(f"no checkpoint in {folder} to go on from: training begins anew")
    data = resolved.config.datasets
    checks.require_there(data.train_file, data.val_file, data.corpus)
    section = resolved.config.model
    checks.require_models(section.base_model, dense=section.architecture in checks.OVER_DENSE)
    from splade_cli.training.teachers.kinds import require_teachers

    require_teachers(resolved.config.loss.teachers)
    from splade_cli.training.trainer import SpladeTrainer

    trainer = SpladeTrainer(resolved=resolved, resume=resume_from or resume, force=force)
    if dry_run:
        with show_progress() as progress:
            trainer.progress = progress
            facts = trainer.estimate().facts()
        console.facts(facts, json_output, "nothing was written (--dry-run)")
        return
    with render.progress() as listener:
        trainer.listener = listener
        trained = trainer.train()
    if is_first:
        render.report(trained, resolved, report_file)
        render.result(trained, json_output)


def _has_checkpoint(folder: Path) -> bool:
    from splade_cli.training.run_folder import CHECKPOINTS

    return (folder / CHECKPOINTS).is_dir() and any((folder / CHECKPOINTS).iterdir())


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
