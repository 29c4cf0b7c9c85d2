"""Nesting of HTML, bounded: a browser builds no tree that is deeper than some hundred levels either.

Work on a tree takes time that grows with its depth for each element, so tags that open one level too many are
taken out, and so are those that close them; the text within stays.
"""

from __future__ import annotations

import re

from splade_cli.corpus.formats.prose import names

DEEPEST = 512
"""Levels, as in browsers."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)[^<>]*>?")
# What is never or not always closed by a tag of its own: it does not nest in itself.
_UNCOUNTED = names(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th tbody thead "
    "tfoot colgroup option optgroup rp rt html head body"
)
# Their content is text up to their end tag, whatever it looks like.
_RAW_END = {
    name: re.compile(rf"</{name}\b", re.IGNORECASE)
    for name in names("script style textarea title xmp iframe noembed noframes")
}


def with_bounded_depth(source: str) -> str:
    """HTML without the tags that nest deeper than `DEEPEST`."""
    if source.count("<") <= DEEPEST:
        return source
    kept: list[str] = []
    upto = 0
    depth = 0
    left_out = 0
    resume = 0
    for tag in _TAG.finditer(source):
        name = tag[2].lower()
        if tag.start() < resume or name in _UNCOUNTED or tag[0].endswith("/>"):
            continue
        if name in _RAW_END and not tag[1]:
            end = _RAW_END[name].search(source, tag.end())
            if end is None:
                break
            resume = end.end()
            continue
        if not tag[1] and depth < DEEPEST:
            depth += 1
        elif tag[1] and not left_out:
            depth = max(0, depth - 1)
        else:
            left_out += -1 if tag[1] else 1
            kept.append(source[upto : tag.start()])
            upto = tag.end()
    kept.append(source[upto:])
    return "".join(kept)
