"""Text that may hold anything, made safe to print: names of files, words of other programs."""

import re

# Control characters but the end of a line and the tabulator, and the bytes of names that are no UTF-8.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with control characters as \x1b and undecodable bytes as \udcff: no escape sequence gets through."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
