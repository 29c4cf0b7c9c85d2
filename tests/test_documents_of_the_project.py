"""README and BEST_PRACTICES against the program: commands, flags, files and the Python block exist and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "BEST_PRACTICES.md", "sample_docs/README.md", "docs/configuration.md", "Makefile")


def commands(page: str) -> list[tuple[str, list[str]]]:
    """(command, flags) of each `splade ...` in a page, continuation lines and comments left out."""
    found = []
    pattern = r"splade ((?:index (?:add|remove|merge|verify)\b)|[a-z][a-z-]+)((?: +[^\s`#;|]+)*)"
    for match in re.finditer(pattern, (ROOT / page).read_text(encoding="utf-8")):
        found.append((match.group(1), re.findall(r"(?<=\s)(--[a-z0-9-]+)", match.group(2))))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_flags_exist(page):
    from splade_cli.cli.main import app

    known = {"gen-data", "train", "index", "search", "query", "evaluate", "export", "push", "terms"}
    known |= {f"index {name}" for name in ("add", "remove", "merge", "verify")}
    helps = {
        name: CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}).output
        for name in known
    }
    seen = [(name, flags) for name, flags in commands(page) if name in known]
    assert seen
    for name, flags in seen:
        for flag in flags:
            assert flag in helps[name], f"{page}: splade {name} has no {flag}"


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_every_file_of_the_package_is_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(ROOT / "splade_cli") for path in (ROOT / "splade_cli").rglob("*.py")]
    missing = [str(name) for name in files if name.name[0] != "_" and f"`{name}`" not in text]
    assert not missing


@pytest.mark.slow
def test_python_of_the_readme_runs(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "sample_docs").symlink_to(ROOT / "sample_docs")
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "::" in done.stdout, "a chunk's id is printed"


def documented() -> dict[str, dict[str, str]]:
    """Defaults by section and key, as the tables of docs/configuration.md name them."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in (ROOT / "docs/configuration.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#+ (.*)", line):
            section = heading.group(1)
        elif row := re.match(r"\| `(\w+)` \| (.+?) \| (.+) \|$", line):
            assert row.group(1) not in found.setdefault(section, {}), f"{section}.{row.group(1)} twice"
            found[section][row.group(1)] = row.group(2).strip("`")
    return found


def test_every_setting_is_documented_with_its_default():
    from splade_cli.config.schema import OTHER_NAMES, Config, DatasetSpec

    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    sections["datasets.NAME"] = DatasetSpec
    expected = {
        name: {
            key: field.get_default(call_default_factory=True) for key, field in section.model_fields.items()
        }
        for name, section in sections.items()
    }
    for name in OTHER_NAMES:
        section, _, key = name.partition(".")
        expected[section][key] = None
    found = documented()
    assert found.keys() == expected.keys()
    for name, keys in expected.items():
        assert found[name].keys() == keys.keys(), name
        for key, default in keys.items():
            shown = found[name][key]
            if isinstance(default, float):
                assert float(shown) == pytest.approx(default, rel=2e-3), f"{name}.{key}"
            else:
                wanted = (
                    "-"
                    if default is None
                    else str(default).lower()
                    if isinstance(default, bool)
                    else str(default)
                )
                assert shown == wanted, f"{name}.{key}"


def test_the_example_of_the_settings_page_is_right(tmp_path):
    from splade_cli.config.resolve import presets, resolve

    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    config = resolve(yaml_file=tmp_path / "run.yaml").config
    assert config.model.architecture == "inference-free-splade"
    assert config.datasets.named["tickets"].columns.anchor == "question"
    assert [name for name in presets() if f"`{name}`" not in text] == []
