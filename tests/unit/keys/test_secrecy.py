"""ATTACKS 40: nothing that shows, copies or encodes a key shows its material."""

import base64
import copy
import io
import pickle
import traceback
from collections.abc import Callable

import msgspec
import pytest
from rich.console import Console
from rich.pretty import pretty_repr
from tests.unit.keys.examples import NOW, example, in_state

from duri.errors import DuriError, KeyringError
from duri.evidence.keys.generate import new_keyring
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Algorithm, Keyring, Loaded, parse, write
from duri.evidence.keys.local import signer_for
from duri.evidence.keys.secret import Secret
from duri.evidence.keys.source import load_environment

MATERIAL = b"correct horse battery staple, thirty-two and more"


def needles(key: Key) -> list[str]:
    """Return every spelling in which a key's material could show."""
    found = []
    for secret in (key.secret, key.private_key):
        if secret is not None:
            raw = secret.reveal()
            # The middle, so that a cut text is found too.
            found += [raw.hex()[40:60], base64.b64encode(raw).decode()[20:40], repr(raw)[30:45]]
    assert found
    return found


def rich_print(value: object) -> str:
    out = io.StringIO()
    Console(file=out, width=1000).print(value)
    return out.getvalue()


SHOWN: dict[str, Callable[[msgspec.Struct], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value} {value!r} {value!s}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - loggers format like this
    "rich": rich_print,
    "rich, expanded": lambda value: pretty_repr(value, expand_all=True),
    "asdict": lambda value: repr(msgspec.structs.asdict(value)),
    "astuple": lambda value: repr(msgspec.structs.astuple(value)),
}


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("how", SHOWN)
def test_no_way_of_showing_a_key_shows_its_material(how: str, algorithm: Algorithm) -> None:
    key = example(1, algorithm)
    keyring = new_keyring(key, now=NOW)
    for value in (key, keyring, Loaded(keyring=keyring)):
        text = SHOWN[how](value)
        assert key.keyid[:8] in text
        assert not [needle for needle in needles(key) if needle in text]


ENCODED: dict[str, Callable[[object], object]] = {
    "pickle": pickle.dumps,
    "deepcopy": copy.deepcopy,
    "json": msgspec.json.encode,
    "msgpack": msgspec.msgpack.encode,
    "builtins": msgspec.to_builtins,
}


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("how", ENCODED)
def test_no_encoder_but_the_keyrings_own_encodes_material(how: str, algorithm: Algorithm) -> None:
    key = example(1, algorithm)
    with pytest.raises(TypeError):
        ENCODED[how](key)
    assert ENCODED[how](msgspec.structs.replace(key, secret=None, private_key=None))


def test_the_material_is_there_for_those_who_ask() -> None:
    key = example(1)
    assert key.secret is not None
    assert key.secret.reveal() == bytes([1]) * 32
    assert base64.b64encode(key.secret.reveal()) in write(new_keyring(key, now=NOW))


def test_a_signer_shows_nothing() -> None:
    for algorithm in Algorithm:
        key = example(1, algorithm)
        signer = signer_for(key)
        assert not [needle for needle in needles(key) if needle in repr(signer) + str(signer)]


def broken_keyrings() -> dict[str, bytes]:
    """Return keyrings that are refused, with MATERIAL in every place it could stray to."""
    text = MATERIAL.decode()
    secret = base64.b64encode(MATERIAL)
    good = write(
        Keyring(
            keys=(
                msgspec.structs.replace(
                    in_state(example(1), State.ACTIVE), secret=Secret(MATERIAL)
                ),
            )
        )
    )
    assert secret in good
    return {
        "keyid of another": good,
        "in a name": good.replace(b'"active"', f'"active", "name": "\\n{text}"'.encode()),
        "as a field": good.replace(b'"active"', f'"active", "{text}": 1'.encode()),
        "as a state": good.replace(b"active", text.encode()),
        "as an algorithm": good.replace(b"hmac-sha256", text.encode()),
        "as a time": good.replace(b'"2026-', f'"{text}2026-'.encode()),
        "as a keyid": good.replace(example(1).keyid.encode(), text.encode()),
        "as a version": good.replace(b'"1.0"', f'"{text}"'.encode()),
        "as a uri": good.replace(b'"secret"', b'"uri"'),
        "as base64": good.replace(secret, text.encode()),
        "as a number": good.replace(b'"threshold": 1', f'"threshold": "{text}"'.encode()),
        "as a private key": good.replace(b'"secret"', b'"private_key"'),
        "truncated": good[:-9],
        "not UTF-8": good.replace(b"active", b"\xff"),
        "twice": good.replace(b'"secret"', b'"secret": "' + secret + b'", "secret"'),
    }


@pytest.mark.parametrize("name", broken_keyrings())
def test_no_error_about_a_keyring_shows_material(name: str) -> None:
    with pytest.raises(KeyringError) as caught:
        parse(broken_keyrings()[name], where="keyring.json", prod=True)
    shown = everything_said(caught.value)
    assert "keyring.json" in shown
    for needle in ("battery staple", base64.b64encode(MATERIAL).decode()[10:30], MATERIAL.hex()):
        assert needle not in shown


def everything_said(error: DuriError) -> str:
    """Return an error's message, parts and traceback with its causes."""
    parts = [error.what, error.where, error.expected, error.got, error.todo]
    return "".join([str(error), repr(error), repr(parts), *traceback.format_exception(error)])


@pytest.mark.parametrize("value", ["hunter2 battery staple", "-----BEGIN battery staple"])
def test_no_warning_or_error_about_the_environment_shows_the_key(value: str) -> None:
    for prod in (False, True):
        try:
            said = repr(load_environment(value, now=NOW, prod=prod).warnings)
        except KeyringError as error:
            said = everything_said(error)
        assert "DURI_HMAC_KEY" in said
        assert "battery" not in said
