"""The one JSON that DuRi writes, and the only one it reads back.

Guarantees: UTF-8, LF, keys sorted bytewise, two-space indent, one entry a line, integers only, a
final newline. `decode` accepts bytes only when writing what was read gives the same bytes, which
refuses duplicate keys, a BOM, trailing bytes, other white space, floats, NaN and invalid UTF-8 in
one rule. Depth is bounded by the parser.

Leaves to others: the size of what is read (`duri.evidence.folder` bounds it before).
"""

from typing import TypeVar

import msgspec

from duri.errors import MalformedError

T = TypeVar("T")


def encode(value: object) -> bytes:
    """Return the canonical document of a value made of structs, dicts, lists, strings, integers."""
    return msgspec.json.format(compact(value), indent=2) + b"\n"


def compact(value: object) -> bytes:
    """Return the shortest JSON of a value, keys sorted; what signatures are made over."""
    return msgspec.json.encode(value, order="sorted")


def decode(data: bytes, kind: type[T], *, name: str) -> T:
    """Parse a canonical document.

    Args:
        data: the raw bytes, already bounded in size.
        kind: the type to parse into, or `object` to check form alone.
        name: the artifact's name, for the error.

    Raises:
        MalformedError: the bytes are not canonical or not of this type.
    """
    value = parse(data, kind, name=name)
    if encode(value) != data or not _is_utf8(data):
        raise MalformedError(
            "not in canonical form (a repeated key, other white space or order, trailing bytes)",
            where=name,
            expected="the bytes that DuRi writes: sorted keys, two-space indent, a final newline",
        )
    return value


def parse(data: bytes, kind: type[T], *, name: str) -> T:
    """Parse JSON into a type, without asking for canonical form.

    Raises:
        MalformedError: not JSON, not UTF-8, nested too deeply, or not of this type.
    """
    try:
        return msgspec.json.Decoder(kind, float_hook=_refuse_float).decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError("malformed JSON", where=name, got=str(error)) from error


def _is_utf8(data: bytes) -> bool:
    """Say whether bytes are UTF-8; the parser does not look into a field that stays raw."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_float(text: str) -> object:
    """Refuse a number where the type leaves open what it is; elsewhere it is no integer."""
    message = f"a number that is no integer: {text[:20]}"
    raise msgspec.ValidationError(message)
