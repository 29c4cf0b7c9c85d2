"""Electronic mail: the text and subject of a message in the format of RFC 5322."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from splade_cli.corpus.encodings import python_codec
from splade_cli.corpus.formats.html.page import read_page
from splade_cli.corpus.formats.prose import Prose, Unreadable, squeezed

_METADATA = ("from", "to", "date")


def read_mail(data: bytes) -> Prose:
    """The plain text of a message, or that of its HTML; its attachments are named and not read.

    Raises:
        Unreadable: there is no message in it.
    """
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise Unreadable("no mail in it (no header)")
    body = message.get_body(("plain", "html"))
    text = ""
    if isinstance(body, EmailMessage):
        text = _decoded(body)
        if body.get_content_type() == "text/html":
            text = read_page(text).text
    metadata: dict[str, object] = {}
    for name in _METADATA:
        if message[name]:
            metadata[name] = " ".join(str(message[name]).split())
    attached = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    remark = ""
    if attached:
        remark = f"attachments not read: {', '.join(attached[:5])}{' ...' if len(attached) > 5 else ''}"
    return Prose(squeezed(text.replace("\r\n", "\n")), str(message["subject"] or ""), metadata, remark)


def _decoded(part: EmailMessage) -> str:
    """The text of a part, in the encoding that it declares as browsers understand it."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    codec = python_codec(str(part.get_content_charset() or "utf-8")) or "utf-8"
    try:
        return payload.decode(codec)
    except UnicodeDecodeError:
        return payload.decode("utf-8", "replace")
