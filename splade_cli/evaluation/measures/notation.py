"""Names of retrieval measures, in the notation of ir-measures: nDCG@10, RR@10, nDCG(judged_only=True)@10.

Usual names stand for its own: MRR for RR, Recall for R, MAP for AP, Hit for Success. Unjudged@k is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from splade_cli.errors import OptionError, did_you_mean

MEASURES = ("nDCG@10", "MRR@10", "P@1", "P@3", "P@5", "P@10", "Recall@10", "Recall@100", "MAP")
CONDENSED = "nDCG(judged_only=True)@10"
UNJUDGED = "Unjudged@10"
OF_JUDGEMENTS = (CONDENSED, UNJUDGED)
"""What gaps of the judgements hide: nDCG of the judged documents alone, as if the others had not been ranked
[condensed lists, Sakai 2007], and the share of the first results that nobody judged."""
LOWER_IS_BETTER = ("Unjudged",)
_SHAPE = re.compile(r"(?P<base>[A-Za-z]+)(?P<params>\(.*\))?(?:@(?P<cutoff>\d+))?")
_NAMES = {"mrr": "RR", "rr": "RR", "p": "P", "ndcg": "nDCG", "recall": "R", "r": "R", "map": "AP", "ap": "AP"}
_NAMES |= {"success": "Success", "hit": "Success", "rprec": "Rprec", "bpref": "Bpref", "judged": "Judged"}
_NAMES |= {"unjudged": "Unjudged", "infap": "infAP", "numret": "NumRet", "numrel": "NumRel"}
_NEED_CUTOFF = ("P", "Success", "Judged", "Unjudged")


def parse_measure(name: str) -> tuple[str, int | None]:
    """``nDCG@10`` to ir-measures' name and cutoff; parameters stay with the name: ``AP(rel=2)``.

    Raises:
        InputError: a measure that is not known, or that trec_eval does not compute.
    """
    match = _SHAPE.fullmatch(name.strip())
    if match is None or match["base"].lower() not in _NAMES or match["cutoff"] == "0":
        hint = did_you_mean(name, MEASURES) or f"e.g. {', '.join(MEASURES)}, or as ir-measures writes them"
        raise OptionError(f"unknown measure '{name}'", hint)
    base = _NAMES[match["base"].lower()]
    cutoff = int(match["cutoff"]) if match["cutoff"] else None
    if cutoff is None and base in _NEED_CUTOFF:
        raise OptionError(f"measure '{name}' needs a cutoff", f"e.g. {name}@10")
    if match["params"]:
        base += match["params"]
        _require_computed(name, base, cutoff)
    return base, cutoff


def measures_of(settings: Iterable[str]) -> list[str]:
    """The names in settings of one or several, ``["nDCG@10 RR@10", "R@100"]``, each once.

    Raises:
        InputError: see `parse_measure`.
    """
    names = [name for setting in settings for name in setting.split()]
    for name in names:
        parse_measure(name)
    return list(dict.fromkeys(names))


def notation(base: str, cutoff: int | None) -> str:
    """A measure as ir-measures writes it."""
    return base if cutoff is None else f"{base}@{cutoff}"


def higher_is_better(name: str) -> bool:
    """Whether more of a measure is better."""
    return parse_measure(name)[0] not in LOWER_IS_BETTER


def shown_first(names: Sequence[str]) -> str:
    """The first measure of which more is better; the first of all where there is none."""
    return next((name for name in names if higher_is_better(name)), names[0])


def _require_computed(name: str, base: str, cutoff: int | None) -> None:
    """Raises InputError for parameters that ir-measures does not read, or only computes by Perl."""
    import ir_measures

    # a reciprocal rank is cut by us, which trec_eval does not
    written = base if base.startswith("RR(") else notation(base, cutoff)
    try:
        measure = ir_measures.parse_measure(written)
        computed = ir_measures.pytrec_eval.supports(measure) or ir_measures.judged.supports(measure)
    except (NameError, ValueError, TypeError, AssertionError, SyntaxError) as error:
        raise OptionError(f"unknown measure '{name}': {error}", "see https://ir-measur.es") from None
    if not computed:
        raise OptionError(
            f"measure '{name}' is none of trec_eval's", "choose one, e.g. nDCG(judged_only=True)@10"
        )
