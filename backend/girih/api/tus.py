"""Uploads that survive interruptions, by the protocol tus 1.0: creation, termination, expiration, checksum."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Request, Response

from girih.api.deps import Wired, public, requires
from girih.api.errors import MEDIA_TYPE, request_id
from girih.api.given import given_of
from girih.api.routers import Router
from girih.api.uploads import UploadRoute, largest
from girih.db.tenancy import OrgScope
from girih.errors import GirihError, InvalidInput, TooLarge, Unsupported
from girih.services.uploads.pieces import ALGORITHMS, ChecksumMismatch
from girih.services.uploads.schemas import UploadOut

VERSION = "1.0.0"
_BYTES = "application/offset+octet-stream"
_HEAD = {"tus-resumable": VERSION, "cache-control": "no-store"}
_MISMATCH = 460
"""As the protocol has it."""


class TusRoute(UploadRoute):
    """A route whose every answer, also a problem, says which version is spoken."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                if request.method in ("POST", "PATCH", "HEAD", "DELETE"):
                    _require_version(request)
                response = await answer(request)
            except _Unspoken as fault:
                response = _problem(request, fault, 412, "Precondition Failed")
                response.headers.update(_HEAD | {"tus-version": VERSION, "x-reason": fault.message})
            except ChecksumMismatch as fault:
                response = _problem(request, fault, _MISMATCH, "Checksum Mismatch")
            except GirihError as fault:
                response = request.app.exception_handlers[GirihError](request, fault)
            response.headers["tus-resumable"] = VERSION
            return response

        return handle


def _problem(request: Request, fault: GirihError, status: int, title: str) -> Response:
    """A problem whose status has another name here than elsewhere, or none."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": fault.message, "code": fault.code}
    body |= {"error_id": request_id(request.scope)} | ({"help": fault.help} if fault.help else {})
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE)


router = Router(prefix="/uploads", tags=["knowledge"], route_class=TusRoute)

Writer = Annotated[OrgScope, requires("knowledge:write")]


class _Unspoken(InvalidInput):
    """A version that is not spoken here."""


@router.options("", operation_id="describe_uploads", status_code=204, dependencies=[public])
async def describe_uploads(request: Request, response: Response) -> None:
    """What of the protocol is spoken here."""
    response.headers.update(
        {
            "tus-version": VERSION,
            "tus-extension": "creation,termination,expiration,checksum",
            "tus-max-size": str(largest(request)),
            "tus-checksum-algorithm": ",".join(ALGORITHMS),
        }
    )


@router.post("", operation_id="create_upload", status_code=201)
async def create_upload(girih: Wired, scope: Writer, request: Request, response: Response) -> UploadOut:
    """Begin an upload. `Upload-Metadata`: `collection`, `filename`; `key`, `metadata`, `readers`, `source_ref`."""
    fields = _metadata(request.headers.get("upload-metadata", ""))
    length = _number(request, "upload-length")
    given = given_of(fields.get("filename") or fields.get("name") or "", fields)
    upload = await girih.uploads.create(scope, fields.get("collection", ""), given, length)
    response.headers.update(_place(upload) | {"location": f"/v1/uploads/{upload.id}"})
    return upload


@router.head("/{upload_id}", operation_id="find_upload_offset", status_code=200)
async def find_upload_offset(girih: Wired, scope: Writer, upload_id: UUID) -> Response:
    """How many bytes have come: where to go on."""
    upload = await girih.uploads.upload(scope, upload_id)
    return Response(headers=_HEAD | _place(upload) | {"upload-length": str(upload.length)})


@router.get("/{upload_id}", operation_id="get_upload")
async def get_upload(girih: Wired, scope: Writer, upload_id: UUID) -> UploadOut:
    """How far an upload is, and which document it became."""
    return await girih.uploads.upload(scope, upload_id)


@router.patch("/{upload_id}", operation_id="continue_upload", status_code=204, openapi_extra={
    "requestBody": {"required": True, "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
})  # fmt: skip
async def continue_upload(girih: Wired, scope: Writer, request: Request, upload_id: UUID) -> Response:
    """Send bytes from `Upload-Offset` on, as many as there are; with the last one the document is made."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != _BYTES:
        raise Unsupported(f"bytes of an upload come as {_BYTES}")
    offset, checksum = _number(request, "upload-offset"), _checksum(request)
    upload = await girih.uploads.append(scope, upload_id, offset, request.stream(), checksum)
    made = {"girih-document": str(upload.document_id)} if upload.document_id else {}
    return Response(status_code=204, headers=_place(upload) | made)


@router.delete("/{upload_id}", operation_id="end_upload", status_code=204)
async def end_upload(girih: Wired, scope: Writer, upload_id: UUID) -> None:
    """Give an upload up; what became a document stays."""
    await girih.uploads.terminate(scope, upload_id)


def _place(upload: UploadOut) -> dict[str, str]:
    return {
        "upload-offset": str(upload.received),
        "upload-expires": format_datetime(upload.expires_at, usegmt=True),
    }


def _require_version(request: Request) -> None:
    given = request.headers.get("tus-resumable")
    if given != VERSION:
        raise _Unspoken(f"send Tus-Resumable: {VERSION}")


def _number(request: Request, header: str) -> int:
    given = request.headers.get(header, "")
    if not (given.isascii() and given.isdecimal()):
        raise InvalidInput(f"the header {header.title()} must be a number of bytes")
    if len(given) > 18:
        raise TooLarge(f"the file is larger than the limit of {largest(request) / 2**20:.4g} MB")
    return int(given)


def _metadata(header: str) -> dict[str, str]:
    """The protocol's pairs of a name and its value in base64. Raises `InvalidInput`."""
    fields: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            fields[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeError) as fault:
            raise InvalidInput(
                f"`{name[:80]}` in Upload-Metadata cannot be read", help="each value is UTF-8 in base64"
            ) from fault
    return fields


def _checksum(request: Request) -> tuple[str, bytes] | None:
    given = request.headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, digest = given.partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidInput(f"unknown checksum '{algorithm[:20]}'", help=f"use one of {', '.join(ALGORITHMS)}")
    try:
        return algorithm, base64.b64decode(digest.strip(), validate=True)
    except binascii.Error as fault:
        raise InvalidInput(
            "Upload-Checksum cannot be read", help="write the algorithm and the digest in base64"
        ) from fault
