"""The APIs of Commons, Openverse, Flickr and Pixabay over the fake server's images.

Shapes, caps and errors are as the services document them.
"""

import json
from typing import TYPE_CHECKING, Any

from scrapers.licenses import creative_commons
from scrapers.sources.flickr import LICENSES

if TYPE_CHECKING:
    from tests.fakes.image_server import Server
    from tests.fakes.photographs import Photo

Reply = tuple[int, bytes, str, dict[str, str]]
OPENVERSE_CAP, FLICKR_CAP, PIXABAY_CAP = 240, 4000, 500


def respond(server: "Server", path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
    """The reply of the API that a path belongs to, or 404."""
    table = {
        "/commons/w/api.php": _commons,
        "/openverse/v1/images/": _openverse,
        "/flickr/services/rest/": _flickr,
        "/pixabay/api/": _pixabay,
    }
    if path not in table:
        return 404, b"<html>not found</html>", "text/html", {}
    return table[path](server, query, headers)


def _json(data: Any, status: int = 200, **headers: str) -> Reply:
    return status, json.dumps(data).encode(), "application/json", headers


def _matching(server: "Server", words: str) -> list["Photo"]:
    wanted = words.lower().split()
    return [
        photo
        for photo in server.photos.values()
        if all(w in " ".join((photo.title.lower(), *photo.tags)) for w in wanted)
    ]


def _url(photo: "Photo") -> str:
    license = creative_commons(photo.license, photo.version)
    return license.url if license else ""


# ---- Wikimedia Commons


def _commons(server: "Server", query: dict[str, str], headers: dict[str, str]) -> Reply:
    agent = headers.get("user-agent", "")
    if "@" not in agent and "http" not in agent:
        return 403, b"<html>Set a user agent with a contact</html>", "text/html", {}
    if query.get("generator") == "search":
        words = query["gsrsearch"].replace("filetype:bitmap", "")
        found, start, name = _matching(server, words), int(query.get("gsroffset", 0)), "gsr"
    else:
        title = query["gcmtitle"].removeprefix("Category:")
        start, name = int(query.get("gcmcontinue", "0")), "gcm"
        if query["gcmtype"] == "subcat":
            below = sorted({p.category for p in server.photos.values()})
            names = [c for c in below if c.rpartition("/")[0] == title and c]
            pages = [{"pageid": 9000 + i, "title": f"Category:{c}"} for i, c in enumerate(names)]
            return _json({"batchcomplete": True, "query": {"pages": pages}})
        found = [photo for photo in server.photos.values() if photo.category == title]
    limit = int(query[f"{name}limit"])
    batch = found[start : start + limit]
    # Like the real service: metadata of a batch's second half come in a second reply.
    half, second = (len(batch) + 1) // 2, "iicontinue" in query
    pages = [
        _commons_page(server, photo, start + i, query, with_info=(i >= half) == second)
        for i, photo in enumerate(batch)
    ]
    reply: dict[str, Any] = {"query": {"pages": pages[::-1]}}  # unordered: `index` orders them
    key = "gsroffset" if name == "gsr" else "gcmcontinue"
    if not second and len(batch) > 1:
        reply["continue"] = {"iicontinue": "half", key: start, "continue": f"{key}||"}
    else:
        reply["batchcomplete"] = True
        if start + limit < len(found):
            reply["continue"] = {key: start + limit, "continue": f"{key}||"}
    return _json(reply)


def _commons_page(
    server: "Server", photo: "Photo", index: int, query: dict[str, str], with_info: bool
) -> dict[str, Any]:
    page: dict[str, Any] = {
        "pageid": photo.number + 1,
        "title": f"File:{photo.title}.jpg",
        "index": index + 1,
    }
    if not with_info:
        return page
    author = f'<a href="//example.test/{photo.number}"><b>{photo.author}</b></a>'
    meta = {"Artist": author, "ObjectName": photo.title, **photo.flags.get("extmetadata", {})}
    if photo.license == "pd":
        meta |= {"License": "pd", "LicenseShortName": "Public domain"}
    else:
        meta |= {"LicenseUrl": _url(photo), "LicenseShortName": photo.license}
    info = {
        "url": server.url(photo.path) + "?utm_source=commons",
        "descriptionurl": server.url(f"/wiki/File:{photo.number}"),
        "width": photo.width,
        "height": photo.height,
        "mime": "image/jpeg",
        "mediatype": "BITMAP",
        "user": "Uploader",
        "thumburl": server.url(photo.path),
        "thumbwidth": min(photo.width, int(query.get("iiurlwidth", 960))),
        "extmetadata": {name: {"value": value, "source": ""} for name, value in meta.items()},
        **photo.flags.get("imageinfo", {}),
    }
    return {**page, "imageinfo": [info]}


# ---- Openverse


def _openverse(server: "Server", query: dict[str, str], headers: dict[str, str]) -> Reply:
    size, number = int(query.get("page_size", 20)), int(query.get("page", 1))
    if size > 20 and "authorization" not in headers:
        return _json({"detail": "page_size may not exceed 20 for anonymous requests"}, 401)
    wanted = query.get("license", "").split(",")
    known = {"cc0", "pdm", "by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd"}
    if not set(wanted) <= known:
        return _json({"error": "InputError", "detail": "license", "fields": ["license"]}, 400)
    shapes = {"wide": lambda p: p.width > p.height, "tall": lambda p: p.width < p.height}
    aspect = shapes.get(query.get("aspect_ratio", ""))
    if query.get("aspect_ratio") == "square":
        aspect = lambda p: p.width == p.height  # noqa: E731
    found = [
        photo
        for photo in _matching(server, query.get("q", ""))
        if photo.license in wanted
        and (aspect is None or aspect(photo))
        and query.get("size", "medium") == "medium"
    ]
    count = min(len(found), OPENVERSE_CAP)
    pages = -(-count // size)
    if number > max(1, pages):
        return _json({"detail": "Not found."}, 404)
    results = [
        _openverse_result(server, p) for p in found[:count][(number - 1) * size : number * size]
    ]
    reply = {"result_count": count, "page_count": pages, "page_size": size, "page": number}
    limits = {"X-RateLimit-Limit-anon_burst": "20/min"}
    return _json({**reply, "results": results}, 200, **limits)


def _openverse_result(server: "Server", photo: "Photo") -> dict[str, Any]:
    return {
        "id": f"00000000-0000-0000-0000-{photo.number:012d}",
        "title": photo.title,
        "foreign_landing_url": server.url(f"/landing/{photo.number}"),
        "url": server.url(photo.path),
        "creator": photo.author,
        "creator_url": None,
        "license": photo.license,
        "license_version": photo.version or None,
        "license_url": _url(photo),
        "provider": "flickr",
        "source": "flickr",
        "category": None,
        "tags": [{"name": tag} for tag in photo.tags],
        "attribution": f'"{photo.title}" by {photo.author} is licensed under CC '
        f"{photo.license.upper()} {photo.version}. To view a copy of this license, visit "
        f"{_url(photo)}.",
        "mature": False,
        "width": photo.width,
        "height": photo.height,
    }


# ---- Flickr


def _flickr(server: "Server", query: dict[str, str], headers: dict[str, str]) -> Reply:
    if query.get("api_key") != "test-key":
        return _json({"stat": "fail", "code": 100, "message": "Invalid API Key (Key has invalid)"})
    names = {v: k for k, v in LICENSES.items()}
    wanted = query["license"].split(",")
    start, end = int(query["min_upload_date"]), int(query["max_upload_date"])
    found = [
        photo
        for photo in _matching(server, query["text"])
        if names.get((photo.license, photo.version), "0") in wanted
        and start <= photo.uploaded <= end
    ]
    size, number = int(query["per_page"]), int(query["page"])
    pages = -(-len(found) // size)
    # Beyond 4,000 results pages repeat earlier ones.
    first = (number - 1) * size if number * size <= FLICKR_CAP else 0
    rows = [
        {
            "id": str(photo.number),
            "owner": "1@N00",
            "secret": "ab",
            "server": "65535",
            "title": photo.title,
            "license": names[photo.license, photo.version],
            "dateupload": str(photo.uploaded),
            "datetaken": "2020-11-01 10:00:00",
            "ownername": photo.author,
            "media": "photo",
            "url_l": server.url(photo.path),
            "height_l": photo.height,
            "width_l": str(photo.width),  # numbers may come as text
        }
        for photo in found[first : first + size]
    ]
    page = {"page": number, "pages": pages, "perpage": size, "total": len(found), "photo": rows}
    return _json({"photos": page, "stat": "ok"})


# ---- Pixabay


def _pixabay(server: "Server", query: dict[str, str], headers: dict[str, str]) -> Reply:
    if query.get("key") != "test-key":
        return 400, b"[ERROR 400] Invalid or missing API key", "text/plain", {}
    found = _matching(server, query["q"])
    size, number = int(query["per_page"]), int(query["page"])
    total = min(len(found), PIXABAY_CAP)
    if number > 1 and (number - 1) * size >= total:
        return 400, b'[ERROR 400] "page" is out of valid range.', "text/plain", {}
    hits = [
        {
            "id": photo.number,
            "pageURL": server.url(f"/photos/{photo.number}/"),
            "type": "photo",
            "tags": ", ".join(photo.tags),
            "largeImageURL": server.url(photo.path),
            "imageWidth": photo.width,
            "imageHeight": photo.height,
            "user_id": 1,
            "user": photo.author,
            "noAiTraining": False,
            "isAiGenerated": False,
            **photo.flags,
        }
        for photo in found[:total][(number - 1) * size : number * size]
    ]
    limits = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99", "X-RateLimit-Reset": "60"}
    return _json({"total": len(found), "totalHits": total, "hits": hits}, 200, **limits)
