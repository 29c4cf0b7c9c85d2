"""Examples of each command, shown below its help; tests read them as they are typed."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("splade demo", "splade demo -o demo --minutes 3"),
    "build": (
        "splade build ./docs -o engine",
        "splade build ./docs -o engine --minutes 10",
        "splade build ./docs -o engine --data my_judged",
    ),
    "gen-data": (
        "splade gen-data ./docs -o data",
        "splade gen-data ./docs -o data --llm gpt-5-mini --dry-run",
        "splade gen-data ./docs --queries rows.jsonl -o data",
    ),
    "inspect": ("splade inspect data", "splade inspect data --report data.html"),
    "train": (
        "splade train --train-file data/train.json --val-file data/val.json -o model",
        "splade train --config train.yaml --print-config",
        "splade train --train-file data/train.json -o model --resume",
    ),
    "index": (
        "splade index ./docs -o index --model model/final",
        "splade index ./docs -o index --query static",
        "splade index add ./more --index index",
    ),
    "index add": ("splade index add ./more --index index",),
    "index sync": ("splade index sync ./docs --index index",),
    "index remove": ("splade index remove guide.md --index index",),
    "index merge": ("splade index merge --index index",),
    "index verify": ("splade index verify index",),
    "search": (
        "splade search reset a password --index index",
        "splade search reset a password --index index --explain -k 3",
        "splade search - --index index < queries.txt > hits.jsonl",
        "SPLADE_INDEX=index splade search reset a password",
    ),
    "query": ("splade query --index index", 'splade query --docs ./docs --query "weaving"'),
    "terms": ("splade terms --index index",),
    "serve": ("splade serve --index index", "splade serve --index index --port 9000"),
    "mcp": ("splade mcp --index index",),
    "evaluate": (
        "splade evaluate --data my_judged --model model/final --baseline tiny",
        "splade evaluate --data my_judged --index index --report report.html",
        "splade evaluate --data my_judged --model model/final --fail-under nDCG@10=0.45",
    ),
    "compare": ("splade compare before.json after.json",),
    "tune": ("splade tune --index index --data my_judged",),
    "export": ("splade export model/final -o small --prune-vocabulary --corpus ./docs",),
    "push": ("splade push model/final --repo-id your-name/your-model --dry-run",),
    "doctor": ("splade doctor",),
    "help": ("splade help search", "splade help index add"),
}


def epilog(name: str) -> str:
    """The examples of a command as the end of its help, empty where it has none."""
    if name not in EXAMPLES:
        return ""
    # a blank line parts lines in an epilog; brackets would be markup
    return "\n\n".join(["Examples:", *[line.replace("[", "\\[") for line in EXAMPLES[name]]])
