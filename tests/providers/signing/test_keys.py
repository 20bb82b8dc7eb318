"""Keys as others write them: RFC 8037's example, key sets, PEM; and never a word of a private one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from girih.errors import InvalidInput
from girih.language.bundles.statement import Signature
from girih.providers.signing.keys import KeyRing, PublicKey, SigningKey, decoded, encoded
from girih.settings import Settings
from girih.wiring.signing import signing_key_of, trusted_keys_of

X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
"""The public key of RFC 8037, appendix A.2."""


def settings(**given: str) -> Settings:
    return Settings.model_validate(given)


def test_the_thumbprint_is_the_one_of_the_standard() -> None:
    assert PublicKey(X).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_signature_holds_for_its_message_alone() -> None:
    key = SigningKey.from_pem(SigningKey.made().pem())
    signature = key.sign(b"text")
    assert key.public.holds(signature, b"text")
    assert not key.public.holds(signature, b"texts")
    assert not SigningKey.made().public.holds(signature.model_copy(update={"kid": key.public.kid}), b"text")
    value = bytearray(decoded(signature.value))
    value[0] ^= 1
    assert not key.public.holds(Signature(kid=key.public.kid, value=encoded(bytes(value))), b"text")


def test_key_sets_are_read_and_other_kinds_passed_over() -> None:
    ring = KeyRing.from_jwks({"keys": [{"kty": "RSA", "n": "x"}, PublicKey(X).jwk()]})
    assert PublicKey(X).kid in ring
    assert PublicKey(X).kid in KeyRing.from_jwks(PublicKey(X).jwk()), "one key is a set of one"
    for bad in ([], "x", {"keys": 1}, {"keys": [1]}, {"keys": [{"kty": "OKP", "crv": "Ed25519"}]}):
        with pytest.raises(InvalidInput):
            KeyRing.from_jwks(bad)
    with pytest.raises(InvalidInput, match="is not JSON"):
        KeyRing.from_text("{")


def test_settings_name_a_key_or_its_file(tmp_path: Path) -> None:
    key = SigningKey.made()
    file = tmp_path / "key.pem"
    file.write_text(key.pem())
    for given in (key.pem(), str(file)):
        found = signing_key_of(settings(signing_key=given))
        assert found is not None
        assert found.public == key.public
    assert signing_key_of(settings(signing_key="")) is None
    keys = tmp_path / "keys.json"
    keys.write_text(f'{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "x": "{X}"}}]}}')
    for given in (keys.read_text(), str(keys)):
        assert PublicKey(X).kid in trusted_keys_of(settings(trusted_keys=given))


def test_a_setting_that_cannot_work_is_refused_without_showing_it(tmp_path: Path) -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secret = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    for given in (secret, "canary", str(tmp_path), other.decode()):
        with pytest.raises(InvalidInput, match="GIRIH_SIGNING_KEY is not") as caught:
            signing_key_of(settings(signing_key=given))
        assert "canary" not in caught.value.message + str(caught.value.help)
        assert caught.value.__cause__ is None
    with pytest.raises(InvalidInput, match="GIRIH_TRUSTED_KEYS is not usable"):
        trusted_keys_of(settings(trusted_keys="{"))
    with pytest.raises(InvalidInput, match="there is no such file"):
        trusted_keys_of(settings(trusted_keys=str(tmp_path / "none.json")))
