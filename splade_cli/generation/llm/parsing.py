"""Parser of a language model's answer: raw text to queries, forgiving what small models do to a format."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

from splade_cli.corpus.near_duplicates import words
from splade_cli.generation.llm.shapes.records import json_within, records, unquoted
from splade_cli.records import WrittenQuery

if TYPE_CHECKING:
    from pydantic import TypeAdapter

QueryType = Literal["question", "keywords", "natural", "claim", "how-to", "error-message", "typo"]
QUERY_TYPES: tuple[QueryType, ...] = get_args(QueryType)
"""Kinds that a language model can be asked for."""
USUAL_TYPES = QUERY_TYPES[:4]
"""Those that it is asked for where nobody says which."""
LONGEST_QUERY = 300


def read_queries(text: str, at_most: int) -> list[WrittenQuery]:
    """The usable queries in a model's answer, in its order; none where it makes no sense.

    Reads the JSON that was asked for, also fenced, within prose, in a string, as a bare list, keyed by kind
    or Example1..N, cut off, or beside an echo of the schema; else tables, YAML, numbered lines, labelled
    lines and lines that are questions. What a model thought before it answered is not read.
    """
    text = unquoted(after_thoughts(text))
    queries: dict[str, WrittenQuery] = {}
    for candidate, kind in _candidates(text):
        query = _trim(without_marks(candidate[: 10 * LONGEST_QUERY]))
        if label := _LABEL.match(query):
            kind = kind or label[1]
            query = _trim(query[label.end() :])
        if _is_query(query):
            row = {"text": query, "type": _kind(kind, query)}
            queries.setdefault(query.casefold(), _adapter().validate_python(row))
    return list(queries.values())[:at_most]


def read_reasoning(text: str, at_most: int) -> list[WrittenQuery]:
    """The queries in the last JSON of a model's thoughts, where it said nothing else: drafts come before."""
    values = list(json_values(after_thoughts(text)))
    return read_queries(json.dumps(values[-1]), at_most) if values else []


def after_thoughts(text: str) -> str:
    """What a model says after it has thought, by the marks of many models; the opening one may be missing."""
    if "<|channel|>" in text or _PLAIN_CHANNELS.match(text):
        final = _FINAL_CHANNEL.split(text)
        return re.split(r"<\|(?:end|return|start)\|>", final[-1])[0] if len(final) > 1 else ""
    ends = list(_THOUGHT_END.finditer(text))
    after = text[ends[-1].end() :] if ends else text
    opening = _THOUGHT_START.search(after)
    if opening:
        after = after[: opening.start()]
    first = _THOUGHT_START.search(text)
    if ends and first and not after.strip():
        return text[: first.start()]
    return after


def refuses(text: str) -> bool:
    """Whether an answer begins as a refusal does."""
    return _REFUSAL.match(after_thoughts(text).lstrip(_QUOTES)) is not None


def _candidates(text: str) -> list[tuple[str, str]]:
    """What stands where a query should be in JSON, cut-off JSON or lines, and what was said of its kind."""
    candidates = [item for value in json_values(text) for item in _items(value)]
    if not candidates:
        strings = [_json_or_none(f'"{string}"') for string in _CUT_OFF.findall(text)]
        candidates = [(str(string or ""), "") for string in strings]
    return candidates or records(text) or list(_lines(text))


@functools.cache
def _adapter() -> TypeAdapter[WrittenQuery]:
    from pydantic import TypeAdapter

    return TypeAdapter(WrittenQuery)


_THOUGHT = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think)"
_THOUGHT_START = re.compile(
    rf"<{_THOUGHT}>|\[{_THOUGHT}\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>", re.I
)
_THOUGHT_END = re.compile(
    rf"</{_THOUGHT}>|\[/{_THOUGHT}\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>", re.I
)
_PLAIN_CHANNELS = re.compile(r"\s*analysis.*assistantfinal", re.S)
_FINAL_CHANNEL = re.compile(r"<\|channel\|>\s*final\b.*?<\|message\|>|assistantfinal", re.S)
_REFUSAL = re.compile(
    r"(?:(?:i['’]?m|i am|we are|we['’]re)\s+(?:\w+ )?(?:sorry|afraid|unable|not able)\b|sorry\b"
    r"|i\s+(?:can(?:no|['’])t|cannot|won['’]t|will not|could not|couldn['’]t|must decline|have to decline"
    r"|apologi[sz]e)\b|my apologies|as an? (?:ai|large language|language) "
    r"|unfortunately,? (?:i|we|the|this|it)\b"
    r"|es tut mir leid|leider (?:kann|ist)|(?:je suis )?d[ée]sol[ée]|lo siento|lamento|mi dispiace|desculpe"
    r"|sinto muito|(?:jeg )?beklager|tyvärr|jag kan (?:inte|tyvärr)|undskyld|het spijt me|przepraszam"
    r"|извините|к сожалению|простите|(?:很|非常)?抱歉|对不起|對不起|申し訳|すみません|죄송)",
    re.I,
)
_NO_ANSWER = re.compile(
    r"\A(?:n\W?/?\W?a\W*|none|null|nil|unknown|empty|not (?:applicable|available|possible|relevant)"
    r"|(?:no|not any) (?:\w+ )?(?:quer(?:y|ies)|questions?|key ?words?|claims?|answers?|statements?)\b"
    r".{0,60})\Z"
    r"|\Aas an? (?:ai|language|large language) |\A(?:i['’]?m|i am) (?:\w+ )?sorry\b|\Asorry,? (?:but )?i\b"
    r"|\b(?:i|we) (?:can(?:no|['’])t|cannot|am unable to|['’]m unable to|won['’]t) "
    r"(?:help|assist|fulfill?|comply|(?:generate|write|create|provide) (?:\w+ ){0,2}quer)",
    re.I,
)
_CHATTER = re.compile(
    r"\b(?:would|do|could|can|shall|should) (?:you|i) "
    r"(?:like|want|need|please|provide|clarify|help|tell|assist)\b"
    r"|\b(?:is|are) there (?:some|any)(?:thing|one)?\b.{0,30}\b(?:else|other|help)\b"
    r"|\bhow (?:can|may|else can) i (?:help|assist)\b|\blet me know\b"
    r"|\bwhat (?:would you like|can i (?:do|help))\b",
    re.I,
)
# Terminal sequences, marks of chat templates, and characters that steer instead of being read.
_MARKS = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[@-_]?"
    r"|<[|｜][^<>\n]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|</?(?:bos|eos|pad|unk)>"
)
_STEERING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffc\U000e0000-\U000e007f]"
)
_DEEPEST = 20
_DECODER = json.JSONDecoder(strict=False)
_CUT_OFF = re.compile(r'"(?:text|query)"\s*:\s*"((?:[^"\\\n]|\\.)+)"')
_OPENING = re.compile(r"[{\[]")
_TEXT_KEYS = ("text", "query", "query_text")
_EXAMPLE = re.compile(r"(?:examples?|quer(?:y|ies)|q)[\W_]*\d*", re.I)
_SCHEMA_KEYS = {"enum", "required", "type"}
_NUMBER = re.compile(r"\A[\s*_]*(?:\(?\d{1,2}\s?[.):](?!\d)|[-*•–](?=\s)|#+(?=\s))")
_LABEL = re.compile(
    r"[\[(]?(question|keywords?|natural(?:[ -]language)?|claim|statement|how[- ]to|error[- ]message|typo"
    r"|(?:example|query|q)\s*\d*)"
    r"(?: query)?[*_]*(?:[\])]\s*:?|\s*:|\s[-–]\s)",
    re.I,
)
_QUOTES = "\"'`“”„‘’«»*_ \t\r\n"
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, which JSON can spell and no file can hold
_PLACEHOLDERS = {"string", "text", "query"}
_ASKING = ("?", "？", "؟")
_KINDS: dict[str, QueryType] = {
    "question": "question",
    "keyword": "keywords",
    "natural": "natural",
    "natural language": "natural",
    "claim": "claim",
    "statement": "claim",
    "how to": "how-to",
    "error message": "error-message",
    "error": "error-message",
    "typo": "typo",
    "misspelling": "typo",
}
_KEYED = {kind for kind in _KINDS if "error" not in kind}
"""Kinds under whose name a query may stand; under that of an error stands what went wrong."""
_WITH_A_MARK = ("natural", "how-to", "error-message", "typo")
"""Kinds that may end in a question mark and are none of the kind ``question``."""


def without_marks(text: str) -> str:
    """`text` without what a terminal or a chat template would obey, and without invisible characters."""
    if text.isprintable() and "<" not in text and "[" not in text:
        return text
    return _STEERING.sub("", _MARKS.sub(" ", text))


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def json_values(text: str) -> Iterator[Any]:
    """Every whole JSON object or list in `text`, outermost ones only."""
    start = 0
    failures = 0
    # Each failure reads to the end, so an answer of nothing but brackets would take the square of its length.
    while (opening := _OPENING.search(text, start)) and failures < 100:
        try:
            value, start = _DECODER.raw_decode(text, opening.start())
            yield value
        except (ValueError, RecursionError):
            # also of a number with more digits than Python reads
            start = opening.end()
            failures += 1


def _items(value: Any, kind: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Everything below `value` that stands where a query would stand, with what was said of its kind."""
    if isinstance(value, str):
        yield value, kind
    elif isinstance(value, list) and depth < _DEEPEST:
        for each in value:
            yield from _items(each, kind, depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        kind = value["type"] if isinstance(value.get("type"), str) else kind
        for key in _TEXT_KEYS:
            # A longer one is the passage, repeated beside its queries.
            if isinstance(value.get(key), str) and len(value[key]) <= LONGEST_QUERY:
                yield value[key], kind
                return
        for key, each in value.items():
            named = _plain(key) in _KEYED
            if isinstance(each, dict) or (isinstance(each, list) and key not in _SCHEMA_KEYS):
                yield from _items(each, key if named else kind, depth + 1)
            elif isinstance(each, str) and (named or _EXAMPLE.fullmatch(key)):
                yield each, key if named else kind
            elif isinstance(each, str) and (within := json_within(each)) is not None:
                yield from _items(within, kind, depth + 1)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """The lines of an answer in plain text that are marked as queries; prose and courtesies are not."""
    for line in text.splitlines():
        is_marked = _NUMBER.match(line) or _LABEL.match(_trim(line))
        is_question = line.rstrip(_QUOTES).endswith(_ASKING)
        if is_marked or (is_question and not _CHATTER.search(line) and not _REFUSAL.match(line)):
            yield line, ""


def _trim(text: str) -> str:
    """`text` on one line, without the numbering and quotes around it."""
    text = _NUMBER.sub("", " ".join(text.split()).lstrip(_QUOTES.replace("*", "")), count=1)
    return text.strip(_QUOTES).rstrip(",").rstrip(_QUOTES)


def _is_query(text: str) -> bool:
    """Whether `text` can be a query: not too long, with letters, no placeholder, no loop of words."""
    if len(text) > LONGEST_QUERY or sum(map(str.isalpha, text)) < 2 or _SURROGATE.search(text):
        return False
    if _plain(text) in _KINDS or text.casefold() in _PLACEHOLDERS or text.startswith(("<", "{", "[")):
        return False
    if _NO_ANSWER.search(text):
        return False
    found = words(text)
    repeats = len(found) >= 8 and 2 * len(set(found)) < len(found)
    return not repeats


def _plain(kind: str) -> str:
    return kind.strip().casefold().replace("_", " ").replace("-", " ").removesuffix(" query").rstrip("s")


def _kind(said: str, text: str) -> QueryType:
    """The kind that the model meant, or else the one that the text has the shape of."""
    meant = _KINDS.get(_plain(said))
    if text.endswith(_ASKING):
        # Small models label at random, and a question mark settles it.
        return meant if meant in _WITH_A_MARK else "question"
    if meant:
        return meant
    if text.endswith((".", "。")):
        return "claim"
    return "keywords" if len(text.split()) <= 6 else "natural"
