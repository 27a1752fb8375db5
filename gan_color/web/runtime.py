"""onnxruntime-web, which runs a model in a browser: one version of npm's package, never another.

It is not part of this package: 33 MB that only a static site needs. The npm client fetches it, from
the registry and through the proxy that its own settings name.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from gan_color.errors import GanColorError

NAME, VERSION = "onnxruntime-web", "1.30.0"
ARCHIVE = f"{NAME}-{VERSION}.tgz"
PACK = f"npm pack {NAME}@{VERSION}"  # leaves ARCHIVE
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
# What a site takes of it, under names that any file server knows as scripts: WebGPU with its
# WebAssembly, and WebAssembly alone, which is half as large. A browser fetches one of the two.
FILES = {
    "ort.webgpu.bundle.min.mjs": "ort.webgpu.bundle.min.js",
    "ort-wasm-simd-threaded.asyncify.wasm": "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.js",
    "ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
TIMEOUT = 600  # seconds for all of it


def cached() -> Path:
    """Where the downloaded package lies, or will."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gan_color" / ARCHIVE


def find(path: Path | None = None) -> Path:
    """The package: `path`, its .tgz or the folder that it unpacks to; else the cache's .tgz, which
    is downloaded there once.

    Raises GanColorError: another version, a damaged file, no npm, no network.
    """
    if path is not None and path.is_dir():
        _check_folder(path)
        return path
    archive = path or cached()
    if not archive.is_file():
        if path is not None:
            raise GanColorError(
                f"runtime: found no {str(path)!r}, expected {ARCHIVE} or its folder"
            )
        _download(archive)
    _check_archive(archive, archive)
    return archive


def unpack(package: Path, folder: Path) -> None:
    """Write FILES of a package that `find` found into a new folder."""
    folder.mkdir(parents=True)
    if package.is_dir():
        for name, served in FILES.items():
            shutil.copyfile(package / "dist" / name, folder / served)
        return
    with tarfile.open(package) as archive:
        for name, served in FILES.items():
            content = archive.extractfile(f"package/dist/{name}")
            assert content is not None  # of the pinned archive
            with content, (folder / served).open("wb") as target:
                shutil.copyfileobj(content, target)


def _check_archive(content: Path, archive: Path | str) -> None:
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    if digest != SHA512:
        raise GanColorError(
            f"runtime: {archive} has SHA-512 {digest[:16]}..., expected {SHA512[:16]}... of "
            f"{ARCHIVE}: delete it, then get it again ({PACK})"
        )


def _check_folder(path: Path) -> None:
    try:
        described = json.loads((path / "package.json").read_text(encoding="utf-8"))
        found = f"{described['name']} {described['version']}"
    except (OSError, ValueError, KeyError, TypeError):
        found = "no package.json of npm"
    if found != f"{NAME} {VERSION}":
        raise GanColorError(
            f"runtime: found {found} in {str(path)!r}, expected {NAME} {VERSION} "
            f"(npm install {NAME}@{VERSION}; its folder is node_modules/{NAME})"
        )
    missing = [name for name in FILES if not (path / "dist" / name).is_file()]
    if missing:
        raise GanColorError(
            f"runtime: found no dist/{missing[0]} in {str(path)!r}: install it again"
        )


def _download(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise _not_there(target, "no npm")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        command = [npm, *PACK.split()[1:], "--silent", "--pack-destination", folder]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_there(target, f"npm failed: {error}") from None
        archive = Path(folder) / ARCHIVE
        if found.returncode or not archive.is_file():
            said = " ".join((found.stderr or found.stdout).split())[-200:]
            raise _not_there(target, f"npm failed: {said or f'exit code {found.returncode}'}")
        _check_archive(archive, f"what npm has as {NAME}@{VERSION}")
        archive.replace(target)


def _not_there(target: Path, reason: str) -> GanColorError:
    return GanColorError(
        f"runtime: found no {target} and {reason}; where there are npm and a network: {PACK}, then "
        f"pass --runtime {ARCHIVE}"
    )
