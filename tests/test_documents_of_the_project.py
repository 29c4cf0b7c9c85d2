"""README and settings page against the program: links, defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


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
    from splade_cli.config.other_trainers import OTHER_NAMES
    from splade_cli.config.schema import Config, DatasetSpec

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
    from splade_cli.config.resolve import resolve
    from splade_cli.config.yaml_files import presets

    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    config = resolve(yaml_file=tmp_path / "run.yaml").config
    assert config.model.architecture == "inference-free-splade"
    assert config.datasets.named["tickets"].columns.anchor == "question"
    assert [name for name in presets() if f"`{name}`" not in text] == []
