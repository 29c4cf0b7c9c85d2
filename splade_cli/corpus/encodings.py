"""Names of character encodings, as the WHATWG's table of labels has them, and which encoding a text has.

The table is that of https://encoding.spec.whatwg.org/#names-and-labels: what browsers take each label for.
"""

from __future__ import annotations

import codecs
import re

_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
    "iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
    "iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
    "iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
    "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
    "latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gb18030 chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
_CODEC_OF = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
# UTF-32 before UTF-16: its mark in little-endian order begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OF_PAIRS = ("gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932", "cp949")
_SIGN = re.compile(rb"[\x80-\xff]")
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_MOST_ALONE = 0.7  # of such bytes: with more it is letters with accents, not signs of two bytes
_LOOKED_AT = 50_000  # bytes by which an encoding is told
_AS_GOOD = 0.02  # of the disorder that charset-normalizer finds in a text


def python_codec(label: str) -> str | None:
    """Python's name of the encoding that browsers take `label` for; None for what they do not know."""
    return _CODEC_OF.get(label.strip().lower())


def marked_encoding(data: bytes) -> tuple[str, int] | None:
    """The encoding that a byte order mark tells, and the bytes of the mark; None without one."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, len(mark)
    return None


def detected_encodings(data: bytes) -> list[str]:
    """The encodings that bytes without any sign of theirs may have, likeliest first (charset-normalizer).

    Of those that browsers know only. Windows-1252 comes first wherever it fits as well as another: it is what
    most such files are in.
    """
    from charset_normalizer import from_bytes

    sample = _lines_with_signs(data)
    known = [codec for codec in _LABELS if not codec.startswith("utf-")]
    if len(_ALONE.findall(sample)) > _MOST_ALONE * len(_SIGN.findall(sample)):
        known = [codec for codec in known if codec not in _OF_PAIRS]
    found = list(from_bytes(sample, cp_isolation=known, enable_fallback=False))
    likely = [match.encoding for match in found]
    if not likely:
        return ["cp1252"]
    least = min(match.chaos for match in found)
    for match in found:
        names = (match.encoding, *match.could_be_from_charset)
        if "cp1252" in names and match.chaos <= least + _AS_GOOD:
            likely.insert(0, "cp1252")
            break
    return list(dict.fromkeys(likely))


def _lines_with_signs(data: bytes) -> bytes:
    """Lines that hold something beside ASCII, up to `_LOOKED_AT` bytes of them."""
    lines: list[bytes] = []
    size = 0
    for line in data[: 20 * _LOOKED_AT].split(b"\n"):
        if size >= _LOOKED_AT:
            break
        if not line.isascii():
            lines.append(line[:_LOOKED_AT])
            size += len(line)
    return b"\n".join(lines) or data[:_LOOKED_AT]
