r"""Names of files, shown so that reading one is safe and two different ones never look alike.

Guarantees:

1. Nothing in the result acts on a terminal, a log or a page's text direction: control, format,
   private, unassigned and invisible characters are escaped.
2. `unshown(shown(path)) == path` for all bytes, so what is shown can be acted on exactly.
3. Bytes that are not UTF-8 show as `\xHH`, characters as `\uHHHH` or `\UHHHHHHHH`, a backslash as
   `\\`. A name that is not in Unicode's composed form (NFC) shows its characters beyond ASCII
   escaped, so the twins that a file system keeps apart differ on the screen too.
4. Two spaces never follow one another and none stands at an end, so columns cannot be forged.

Left to others: letters of two scripts that look the same (a Latin and a Cyrillic a) are shown as
they are; HTML still needs its own quoting of `<`, `&` and quotes.
"""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}

# Printable by their category, blank or joined to their neighbour on the screen.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            0x2800,
            0x3164,
            0xFFA0,
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)

_MAX_MARKS = 3
"""Combining marks on one letter: Vietnamese and Thai need two, more climb over other lines."""

_UNDECODED = range(0xDC80, 0xDD00)
"""Where Python's `surrogateescape` puts a byte that is not UTF-8."""

_UNNAMED = {ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t", ord("\\"): b"\\"}

_WIDTHS = {ord("x"): 2, ord("u"): 4, ord("U"): 8}
"""Hexadecimal digits after each escape that has any."""


def shown(path: bytes, *, ascii_only: bool = False) -> str:
    """Return `path` as text for a person; see the module for what is escaped and how."""
    text = path.decode("utf-8", "surrogateescape")
    if (
        text.isascii()
        and text.isprintable()
        and "\\" not in text
        and "  " not in text
        and text[:1] != " "
        and text[-1:] != " "
    ):
        return text
    return "".join(_pieces(text, ascii_only=ascii_only))


def unshown(text: str) -> bytes:
    """Return the bytes that `shown` made `text` from.

    Raises:
        ValueError: `text` holds a backslash that starts no escape.
    """
    data = text.encode()
    if b"\\" not in data:
        return data
    path = bytearray()
    at = 0
    while at < len(data):
        if data[at : at + 1] != b"\\":
            path.append(data[at])
            at += 1
            continue
        piece, at = _unescaped(data, at + 1)
        path += piece
    return bytes(path)


def printable(text: str, *, ascii_only: bool = False) -> str:
    """Return a sentence or a value with what is not printable escaped.

    Backslashes stay, so text that already holds escapes is left as it is; not reversible.
    """
    if text.isprintable() and (text.isascii() or not ascii_only):
        return text
    return "".join(
        c if c.isprintable() and (c.isascii() or not ascii_only) else _escaped(c) for c in text
    )


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2,262 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _pieces(text: str, *, ascii_only: bool) -> list[str]:
    """Decide character by character; `marks` counts those on the letter before."""
    # A shared library that names of ASCII, nearly all, do not need.
    import unicodedata

    ascii_only = ascii_only or not unicodedata.is_normalized("NFC", text)
    pieces: list[str] = []
    marks = _MAX_MARKS
    for at, c in enumerate(text):
        category = unicodedata.category(c)
        if category == "Me" or (category in {"Mn", "Mc"} and marks >= _MAX_MARKS):
            keep = False
        elif c == " ":
            keep = 0 < at < len(text) - 1 and pieces[-1] != " "
        elif c.isascii():
            keep = c.isprintable() and c != "\\"
        else:
            keep = c.isprintable() and c not in _INVISIBLE and not ascii_only
        pieces.append(c if keep else _escaped(c))
        if not keep:
            marks = _MAX_MARKS
        elif category[0] == "M":
            marks += 1
        else:
            marks = 0 if category[0] in "LN" else _MAX_MARKS
    return pieces


def _escaped(c: str) -> str:
    named = _NAMED.get(c)
    if named is not None:
        return named
    point = ord(c)
    if point in _UNDECODED:
        return f"\\x{point - 0xDC00:02x}"
    if point < 0x80:  # noqa: PLR2004 - in ASCII, where the character is the byte
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - the escapes' widths


def _unescaped(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes of the escape whose letter is at `at`, and where the text goes on."""
    letter = data[at] if at < len(data) else -1
    if letter in _UNNAMED:
        return _UNNAMED[letter], at + 1
    width = _WIDTHS.get(letter, 0)
    digits = data[at + 1 : at + 1 + width]
    if width == 0 or len(digits) != width or digits.strip(b"0123456789abcdef"):
        message = f"no escape at byte {at - 1} of {data!r}"
        raise ValueError(message)
    number = int(digits, 16)
    return (bytes((number,)) if letter == ord("x") else chr(number).encode()), at + 1 + width
