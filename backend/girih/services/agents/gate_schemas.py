"""What the service gives of keys and bundles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Origin = Literal["own", "imported"]
Done = Literal["create", "unchanged", "kept"]


class SigningKeyOut(BaseModel):
    """A public key as a JSON Web Key; `kid` is its thumbprint (RFC 7638).

    `origin` says whether it is this server's own, or of another one whose signature was trusted at an import.
    """

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    x: str
    kid: str
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA"] = "EdDSA"
    origin: Origin


class SigningKeysOut(BaseModel):
    """A key set (JWKS). `current` is the `kid` of the key that signs now; null where nothing is signed."""

    keys: list[SigningKeyOut]
    current: str | None


class ImportedOut(BaseModel):
    """What an import did to one thing. `kept`: a model that is here means what it means here."""

    kind: str
    name: str
    version: str | None
    action: Done


class ImportOut(BaseModel):
    """The outcome of an import; `root` is the version that the bundle was made of."""

    root: str
    items: list[ImportedOut]
