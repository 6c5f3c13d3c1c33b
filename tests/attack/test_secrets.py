"""Row 40: no key in anything that DuRi prints, writes or raises.

Every output of every case is searched for every spelling of the key that the case planted: its
bytes, hex, Base64 and URL-safe Base64, whole and in pieces, and the body of a PEM.
"""

import base64
import json
import pickle
import re
import secrets
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import NOW, make, new_key, ring_of
from tests.conftest import Ran, RunDuri

import duri
from duri import settings
from duri.errors import DuriError
from duri.evidence.keys import source
from duri.evidence.keys.key import Key
from duri.evidence.keys.keyring import Keyring, write
from duri.evidence.keys.material import Algorithm

PIECE = 12
"""Characters of a key in a row that are no accident."""


def spellings(secret: bytes) -> set[bytes]:
    """Return pieces of a secret in each spelling, any one of which gives it away."""
    texts = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    texts |= {base64.b64encode(secret), base64.urlsafe_b64encode(secret), repr(secret).encode()}
    if secret.startswith(b"-----BEGIN"):
        texts = {b"".join(secret.splitlines()[1:-1])}
    return {
        text[at : at + PIECE] for text in texts for at in range(0, len(text) - PIECE + 1, PIECE)
    }


def shows(secret: bytes, text: bytes) -> bool:
    """Return whether a text holds a piece of the secret."""
    return any(piece in text for piece in spellings(secret))


def test_search_finds_every_spelling_and_nothing_else() -> None:
    secret = secrets.token_bytes(32)
    for text in (secret, secret.hex().encode(), base64.b64encode(secret), repr(secret).encode()):
        assert shows(secret, b"log: " + text + b" end")
    assert not shows(secret, b"log: " + secrets.token_hex(1000).encode())
    pem = private(new_key())
    assert shows(pem, json.dumps({"key": pem.decode().splitlines()[1]}).encode())


def private(key: Key) -> bytes:
    """Return the material of a key that can sign."""
    home = key.secret or key.private_key
    assert home is not None
    return home.reveal()


@pytest.fixture(params=list(Algorithm))
def key(request: pytest.FixtureRequest) -> Key:
    """Return a key of each algorithm."""
    return new_key(request.param, name="signing key of the shop")


class Searched:
    """Runs `duri` and searches all that it says."""

    def __init__(self, run: RunDuri, secret: bytes) -> None:
        self.run = run
        self.secret = secret
        self.count = 0

    def __call__(self, *args: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Return the process, which showed nothing of the secret."""
        ran = self.run(*args, env=env)
        assert not shows(self.secret, ran.stdout + ran.stderr), ran.args
        assert "unexpected failure" not in ran.err, ran
        assert "Traceback" not in ran.err, ran
        self.count += 1
        return ran


@pytest.mark.parametrize("algorithm", [Algorithm.HMAC_SHA256, Algorithm.ECDSA_P256_SHA256])
def test_no_command_prints_a_key(algorithm: Algorithm, tmp_path: Path, run_duri: RunDuri) -> None:
    key = new_key(algorithm, name="signing key of the shop")
    made = make(tmp_path / "app", ring_of(key))
    ring = releases.keyring_file(tmp_path / "keyring.json", made.ring)
    run = Searched(run_duri, private(key))
    keyring = ("--keyring", ring)
    period = {"DURI_HMAC_KEY_ROTATION_PERIOD": "36500"}

    def everything() -> None:
        for shape in ("text", "json", "sarif"):
            run("verify", made.root, *keyring, "--format", shape, "--all")
        for shape in ("text", "json"):
            run("gate", made.root, *keyring, "--log-format", shape)
            run("gate", made.root, *keyring, "--log-format", shape, "--", "true")

    everything()
    assert run("verify", made.root, *keyring).code == 0
    (made.root / "main.py").write_bytes(b"evil")
    everything()
    (made.folder / "checksums.sig").write_bytes(b"evil")
    everything()
    for option in ((), ("--json",)):
        run("keys", "list", *keyring, *option)
    run("keys", "public", *keyring)
    run("keys", "rotate", *keyring)
    run("keys", "retire", key.keyid, *keyring)
    run("keys", "activate", "ffffffff", *keyring)
    run("keys", "new", "--out", ring)
    run("sign", "--countersign", made.root, *keyring)
    assert run("seal", made.root, *keyring, "--version", "2", env=period).code == 0
    run("seal", made.root, *keyring, "--version", "2")
    run("seal", made.root, *keyring, "--version", "/")
    run("export", made.root, "--sha256sum", *keyring)
    run("settings", env={"DURI_KEYRING": str(ring)})
    run("keys", "revoke", key.keyid, "--reason", "stolen", *keyring)
    everything()
    assert run.count > 40


def test_no_artifact_holds_a_key(key: Key, tmp_path: Path) -> None:
    made = make(tmp_path / "app", ring_of(key))
    assert made.read()
    for name, data in made.read().items():
        assert not shows(private(key), data), name


def damaged(key: Key) -> Iterator[bytes]:
    """Yield keyrings of one key, each with a mistake that people make."""
    text = write(ring_of(key))
    material = private(key)
    word = (
        base64.b64encode(material).decode()
        if key.secret is not None
        else "".join(material.decode().splitlines()[1:-1])
    )
    yield text[:-10]
    yield text + b"}"
    yield text[:2] + b"\xff" + text[2:]
    yield text.replace(b'"secret"', b'"secrets"').replace(b'"private_key"', b'"privateKey"')
    yield text.replace(word.encode()[:20], word.encode()[:20] + b"!")
    yield text.replace(b'"keyid": "', b'"keyid": "0')
    yield b"\xef\xbb\xbf" + text
    yield text.decode().encode("utf-16")
    yield material
    yield material.replace(b"\n", b"\\n")
    document = json.loads(text)
    for field in ("keyid", "algorithm", "state", "created_at", "public_key", "uri"):
        changed = json.loads(text)
        changed["keys"][0][field] = word
        yield json.dumps(changed).encode()
        changed["keys"][0][field] = f"awskms://user:{word}@host/key" if field == "uri" else [word]
        yield json.dumps(changed).encode()
    yield json.dumps({**document, "schema_version": word}).encode()
    yield json.dumps({**document, "threshold": word}).encode()
    yield json.dumps({**document, word: 1}).encode()
    yield json.dumps({**document, "keys": [word]}).encode()
    yield json.dumps({**document, "keys": document["keys"] * 2}).encode()
    yield json.dumps({**document, "keys": word}).encode()


def test_no_error_about_a_damaged_keyring_quotes_a_key(key: Key, tmp_path: Path) -> None:
    made = make(tmp_path / "app")
    path = tmp_path / "keyring.json"
    refused = 0
    for data in damaged(key):
        path.write_bytes(data)
        path.chmod(0o666)
        for prod in (True, False):
            try:
                loaded = source.load_file(str(path), now=NOW, prod=prod)
                said = repr(loaded)
            except DuriError as error:
                refused += 1
                said = "".join(traceback.format_exception(error)) + repr(vars(error))
            assert not shows(private(key), said.encode()), (data, said)
        verdict = duri.verify(made.root, keyring=path, now=NOW)
        assert not shows(private(key), repr(verdict).encode()), data
    assert refused > 30


@pytest.mark.parametrize("prod", [True, False])
def test_no_process_quotes_a_damaged_keyring(
    tmp_path: Path, run_duri: RunDuri, *, prod: bool
) -> None:
    key = new_key(Algorithm.HMAC_SHA256)
    made = make(tmp_path / "app")
    path = tmp_path / "keyring.json"
    run = Searched(run_duri, private(key))
    environment = {"DURI_ENV": "prod"} if prod else {}
    for data in list(damaged(key))[:6]:
        path.write_bytes(data)
        path.chmod(0o600)
        assert run("verify", made.root, "--keyring", path, "--json", env=environment).code != 0
        assert run("keys", "list", "--keyring", path, env=environment).code != 0


SECRETS = {
    "base64": base64.b64encode(bytes(range(7, 39))).decode(),
    "hex": bytes(range(7, 39)).hex(),
    "short": "hunter2-hunter2",
    "aws": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    # RFC 8410, section 10.3.
    "pem": "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n",
    "long": "k3y-" * 2000,
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_key_in_the_environment_is_printed_by_no_command(
    tmp_path: Path, run_duri: RunDuri, secret: str, environment: str
) -> None:
    root = tmp_path / "app"
    root.mkdir()
    (root / "a").write_bytes(b"a")
    given = {"DURI_HMAC_KEY": secret, "DURI_ENV": environment}
    run = Searched(run_duri, secret.encode())
    sealed = run("seal", root, "--version", "1", env=given)
    assert (sealed.code == 0) is (
        environment == "dev" and secret not in (SECRETS["pem"], SECRETS["long"])
    )
    run("verify", root, "--json", env=given)
    run("gate", root, env=given)
    run("settings", env=given)
    run("settings", "--json", env=given)
    run("keys", "list", env=given)
    run("keys", "rotate", env=given)
    for path in root.rglob("*"):
        assert path.is_dir() or not shows(secret.encode(), path.read_bytes())


def test_key_in_the_configuration_is_refused_without_quoting_it(
    tmp_path: Path, run_duri: RunDuri
) -> None:
    secret = SECRETS["base64"]
    for text in (
        f'hmac_key = "{secret}"\n',
        f"hmac_key = {secret}\n",
        f'product = ["{secret[:4]}"]',
    ):
        toml = tmp_path / "duri.toml"
        toml.write_text(text)
        run = Searched(run_duri, secret.encode())
        assert run("verify", tmp_path, "--config", toml).code == 2


SHOWN: dict[str, Callable[[Keyring], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda ring: f"{ring} {ring.keys[0]!r}",
    "percent": lambda ring: "%s %r" % (ring, ring.keys[0].secret or ring.keys[0].private_key),  # noqa: UP031
    "rich": lambda ring: list(ring.__rich_repr__()),
    "as a dict": lambda ring: msgspec.structs.asdict(ring.keys[0]),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
def test_no_way_of_showing_a_keyring_shows_a_key(
    key: Key, show: Callable[[Keyring], object]
) -> None:
    ring = ring_of(key)
    assert not shows(private(key), repr(show(ring)).encode())
    assert shows(private(key), write(ring).replace(b"\\n", b"")), "the twin: a keyring file does"


@pytest.mark.parametrize("encode", [msgspec.json.encode, pickle.dumps, msgspec.msgpack.encode])
def test_no_encoder_takes_a_key(key: Key, encode: Callable[[object], bytes]) -> None:
    with pytest.raises((TypeError, pickle.PicklingError)):
        encode(ring_of(key))
    assert encode(1)


def test_settings_show_that_there_is_a_key_and_not_which() -> None:
    secret = SECRETS["base64"]
    loaded = settings.load(environ={"DURI_HMAC_KEY": secret}, cwd="/")
    assert loaded.hmac_key == secret
    assert not shows(secret.encode(), f"{loaded} {loaded!r}".encode())
    assert re.search(r"hmac_key=\(set\)", repr(loaded))
