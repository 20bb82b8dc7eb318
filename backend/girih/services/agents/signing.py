"""Signing versions with the server's key, and the public keys that they can be checked with."""

from __future__ import annotations

from datetime import UTC, datetime

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.bundles.statement import Signature, Statement, hash_of, hash_of_report, kept_text
from girih.providers.signing.keys import KeyRing, PublicKey, SigningKey
from girih.services.agents import key_repository
from girih.services.agents.gate_schemas import SigningKeyOut, SigningKeysOut
from girih.services.agents.tables import AgentVersion


class Signing:
    """Signs versions with the server's key, and knows the public keys that an organization's versions are signed with.

    Without a key nothing is signed; what was signed before stays so.
    """

    def __init__(self, uow: UnitOfWork, key: SigningKey | None, trusted: KeyRing | None = None) -> None:
        self._uow = uow
        self._key = key
        self._trusted = trusted or KeyRing()

    async def keys(self, scope: OrgScope) -> SigningKeysOut:
        """The public keys, the one that signs now first, then those of what was signed before or imported."""
        async with self._uow(scope) as work:
            known = await key_repository.keys(work)
        current = self._key.public if self._key is not None else None
        listed = [SigningKeyOut(**current.jwk(), origin="own")] if current is not None else []
        rest = [one for one in known if current is None or one.kid != current.kid]
        listed += [SigningKeyOut(**PublicKey(one.x).jwk(), origin=one.origin) for one in rest]
        return SigningKeysOut(keys=listed, current=current.kid if current is not None else None)

    async def ring(self, work: Work) -> KeyRing:
        """Every key whose signatures are trusted here: the operator's, the own ones, and those trusted before."""
        own = [self._key.public] if self._key is not None else []
        known = await key_repository.keys(work)
        return self._trusted | KeyRing([*own, *(PublicKey(one.x) for one in known)])

    async def seal(self, work: Work, name: str, version: AgentVersion) -> None:
        """Sign a version that is complete but for that, and keep the public key with it."""
        if self._key is None:
            return
        version.created_at = datetime.now(UTC)
        signature = self._key.sign(statement_of(name, version).as_bytes())
        version.signature = signature.model_dump()
        await key_repository.keep(work, self._key.public, "own")


def statement_of(name: str, version: AgentVersion) -> Statement:
    """What the signature of a version is about."""
    return Statement(
        name=name,
        version=version.version,
        digest=version.digest,
        language=version.plan["language"],
        plan=hash_of(kept_text(version.plan)),
        source=hash_of(version.source),
        path=version.path,
        lock=version.lock,
        report=hash_of_report(version.report),
        forced=version.forced,
        created_at=version.created_at.astimezone(UTC).isoformat(),
        created_by=version.created_by,
        commit=version.commit,
        dirty=version.dirty,
        message=version.message,
    )


def signature_of(version: AgentVersion) -> Signature | None:
    """The signature of a version, if it has one."""
    return Signature.model_validate(version.signature) if version.signature is not None else None
