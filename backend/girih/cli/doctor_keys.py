"""The check of `girih doctor` that looks at master keys: which is in use, and which former one is still needed."""

from __future__ import annotations

import asyncio

from girih.cli.doctor_checks import Check, Surroundings, failed, fine, skipped, warned
from girih.cli.key_rotation import surround
from girih.errors import GirihError
from girih.wiring.environment import read_settings
from girih.wiring.master_keys import Wrapped, master_keys_of, wrapped_keys

_NONE = "secrets cannot be stored: GIRIH_MASTER_KEY is not set"
_MAKE_ONE = "set it to the output of `openssl rand -base64 32`, the same for every process"


def key_check(around: Surroundings) -> Check:
    """What secrets are encrypted under, as far as this machine knows."""
    surround()
    try:
        settings = read_settings()
        masters = master_keys_of(settings)
        if not around.database_url:
            found: list[Wrapped] = []
        else:
            found = asyncio.run(wrapped_keys(around.database_url))  # noqa: TID251 - a process of its own, keeps no pool
    except GirihError as fault:
        return failed("secrets", fault.message, fault.help)
    if masters is None:
        if found:
            where = ", ".join(one.master for one in found)
            return skipped("secrets", f"they are encrypted under {where}, which is not set here")
        if around.url and not around.database_url:
            return skipped("secrets", "the server's master key is not known here (GIRIH_MASTER_KEY)")
        return warned("secrets", _NONE, _MAKE_ONE)
    unknown = [one.master for one in found if not masters.knows(one.master)]
    if unknown:
        way_out = "add it to GIRIH_FORMER_MASTER_KEYS, or set it as GIRIH_MASTER_KEY"
        return failed("secrets", f"some are encrypted under {unknown[0]}, which is not set", way_out)
    said = f"encrypted under {masters.current.id} ({masters.current.kind})"
    former = [one for one in found if one.master != masters.current.id]
    if former:
        still = f"{former[0].keys} data keys are still under {former[0].master}"
        return warned("secrets", f"{said}; {still}", "girih secrets rotate --master")
    spare = "; no former master key is needed any more" if settings.former_master_keys and around.database_url else ""
    return fine("secrets", said + spare)
