"""A form with one photo, read from the network into bounded memory: nothing is spooled to disk."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from gan_color.web.limits import RequestError
from gan_color.web.request_queue import VisitorLeftError

FORM_BYTES = 64 * 1024  # what the form itself may take beside the photo
MAX_FIELDS = 16
DRAIN_SECONDS, DRAIN_TIMES = 10, 4


async def read_form(request: Request, upload_bytes: int) -> dict[str, str | bytes]:
    """The fields of a multipart form: text as str, the file as bytes.

    Raises RequestError 400 (no form), 413 (too long) or 415 (another kind of body), and
    VisitorLeftError.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        found = repr(kind[:100]) if kind else "none"
        raise RequestError(
            415, f"request: found the content type {found}, expected multipart/form-data"
        )
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > upload_bytes + FORM_BYTES:
        raise _too_long(int(stated), upload_bytes)
    parser = MultiPartParser(
        request.headers,
        _bounded(request, upload_bytes),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=FORM_BYTES,
    )
    # Starlette would move what exceeds a megabyte to a temporary file.
    parser.spool_max_size = upload_bytes + 2 * FORM_BYTES
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(
            400, f"request: found a damaged form ({error.message}), expected multipart/form-data"
        ) from None
    except ClientDisconnect:
        raise VisitorLeftError from None
    fields: dict[str, str | bytes] = {}
    for name, value in form.multi_items():
        if name in fields:
            raise RequestError(422, f"request: found {name[:100]!r} twice, expected it once")
        fields[name] = await value.read() if isinstance(value, UploadFile) else value
    await form.close()
    photo = fields.get("file")
    if isinstance(photo, bytes) and len(photo) > upload_bytes:
        raise _too_long(len(photo), upload_bytes)
    return fields


async def drain(request: Request, upload_bytes: int) -> None:
    """Read and forget the rest of a refused body, within reason: whoever is still sending when the
    connection closes sees a reset instead of the answer.
    """
    received = 0
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: it was read whole
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                received += len(chunk)
                if received > DRAIN_TIMES * upload_bytes:
                    return


async def _bounded(request: Request, upload_bytes: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > upload_bytes + FORM_BYTES:
            raise _too_long(received, upload_bytes)
        yield chunk


def _too_long(found: int, limit: int) -> RequestError:
    return RequestError(
        413, f"file: found {found / 1e6:.1f} MB or more, expected at most {limit / 1e6:g} MB"
    )
