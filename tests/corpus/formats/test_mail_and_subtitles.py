"""Mail and subtitles: the words of a message, and what is shown on a screen."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any


def test_mail_prefers_its_plain_text_and_names_attachments(tmp_path: Path, write: Any, many: Any) -> None:
    message = EmailMessage()
    message["Subject"] = "Bl\u00e5 skjerm"
    message["From"] = "Ann <ann@x.example>"
    message["Date"] = "Mon, 06 May 2024 10:00:00 +0000"
    message.set_content("Plain w\u00f6rds.\n\n\n\nMore.\n")
    message.add_alternative("<p>HTML words</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    path = write(tmp_path, "a.eml", message.as_bytes())
    from splade_cli.corpus.documents import read_documents

    reading = read_documents(path)
    (document,) = reading.documents
    assert (document.title, document.text) == ("Bl\u00e5 skjerm", "Plain w\u00f6rds.\n\nMore.")
    assert document.metadata == {
        "path": "a.eml", "from": "Ann <ann@x.example>", "date": "Mon, 06 May 2024 10:00:00 +0000",
    }  # fmt: skip
    assert [each.reason for each in reading.skipped] == ["attachments not read: a.pdf"]


def test_mail_of_html_only(tmp_path: Path, one: Any) -> None:
    data = (
        b"Subject: =?utf-8?q?Bl=C3=A5?=\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<h1>Head</h1><p>Caf\xe9 <b>now</b>\x92s</p>"
    )
    document = one(tmp_path, "a.eml", data)
    assert (document.title, document.text) == ("Bl\u00e5", "# Head\n\nCaf\u00e9 now\u2019s")


def test_no_mail(tmp_path: Path, refused: Any) -> None:
    assert refused(tmp_path, "a.eml", "\nonly words") == "no mail in it (no header)"


def test_subrip(tmp_path: Path, one: Any) -> None:
    source = (
        "1\n00:00:01,000 --> 00:00:02,000\n<i>Hello</i> there\n\n2\n00:00:02,000 --> 00:00:03,000\n"
        "Hello there\nSecond & last\n\n3\n00:00:04,000 --> 00:00:05,000\n{\\an8}42\n"
    )
    assert one(tmp_path, "a.srt", source.replace("\n", "\r\n")).text == "Hello there\nSecond & last\n42"


def test_times_and_blanks_as_some_write_them(tmp_path: Path, one: Any) -> None:
    assert one(tmp_path, "a.vtt", "WEBVTT\n\n0:0:0.0 --> 0:0:3.54\nA\\hword\\Nbelow\n").text == "A word below"


def test_webvtt(tmp_path: Path, one: Any) -> None:
    source = (
        "WEBVTT - My talk\n\nNOTE hidden\n\nSTYLE\n::cue {}\n\nintro\n"
        "00:01.000 --> 00:02.000 align:start\n<v Ann>Hi <c.red>you</c> &amp; me <00:00:01.5>now\n"
    )
    document = one(tmp_path, "a.vtt", source)
    assert (document.title, document.text) == ("My talk", "Ann: Hi you & me now")
