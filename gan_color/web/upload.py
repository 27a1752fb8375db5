"""A form with photos, read into bounded memory: nothing is spooled to disk."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from gan_color.web.limits import Limits, RequestError
from gan_color.web.request_queue import ClientDisconnected
from gan_color.web.schemas import FILE_FIELDS

FORM_BYTES = 64 * 1024  # for the form around the photo
MAX_FIELDS = 16
DRAIN_SECONDS, DRAIN_TIMES = 10, 4


async def read_form(request: Request, limits: Limits) -> dict[str, str | bytes]:
    """The fields of a multipart form: text as str, files as bytes, both together bounded.

    Raises RequestError 400 (damaged form), 408 (too slow), 413 (too large) or 415 (not a form), and
    ClientDisconnected.
    """
    try:
        async with asyncio.timeout(limits.body_timeout):
            return await _read_form(request, limits.upload_bytes)
    except TimeoutError:
        raise RequestError(
            408,
            f"request: found a part of it after {limits.body_timeout:g} s, expected all of it by "
            "then; send a smaller photo",
            {"Connection": "close"},
        ) from None


async def _read_form(request: Request, upload_bytes: int) -> dict[str, str | bytes]:
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        found = repr(kind[:100]) if kind else "none"
        raise RequestError(
            415, f"request: found the content type {found}, expected multipart/form-data"
        )
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > upload_bytes + FORM_BYTES:
        raise _too_large(int(stated), upload_bytes)
    parser = MultiPartParser(
        request.headers,
        _bounded(request, upload_bytes),
        max_files=len(FILE_FIELDS),
        max_fields=MAX_FIELDS,
        max_part_size=FORM_BYTES,
    )
    # Starlette writes parts above a megabyte to a temporary file.
    parser.spool_max_size = upload_bytes + 2 * FORM_BYTES
    try:
        form = await parser.parse()
    # Starlette before 1.9 lets its parser's own error through.
    except (MultiPartException, FormParserError) as error:
        raise RequestError(
            400, f"request: found a damaged form ({error}), expected multipart/form-data"
        ) from None
    except ClientDisconnect:
        raise ClientDisconnected from None
    fields: dict[str, str | bytes] = {}
    for name, value in form.multi_items():
        if name in fields:
            raise RequestError(422, f"request: found {name[:100]!r} twice, expected it once")
        fields[name] = await value.read() if isinstance(value, UploadFile) else value
    await form.close()
    sent = sum(len(value) for value in fields.values() if isinstance(value, bytes))
    if sent > upload_bytes:
        raise _too_large(sent, upload_bytes)
    return fields


async def drain(request: Request, upload_bytes: int) -> None:
    """Read and discard the rest of a refused body, up to a limit: a client that is still sending
    when the connection closes sees a reset instead of the response.
    """
    received = 0
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: already read
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
            raise _too_large(received, upload_bytes)
        yield chunk


def _too_large(found: int, limit: int) -> RequestError:
    return RequestError(
        413, f"file: found {found / 1e6:.1f} MB or more, expected at most {limit / 1e6:g} MB"
    )
