"""Models of the Hugging Face Hub, laid out as timm does: model.safetensors and config.json.

https://huggingface.co/docs/huggingface_hub. Nothing pickled is ever fetched. Where the Hub is, the
token and the cache are huggingface_hub's own settings: HF_ENDPOINT, HF_TOKEN, HF_HOME,
HF_HUB_OFFLINE.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gan_color.errors import GanColorError

PREFIX = "hf-hub:"  # timm's
MODEL = "model.safetensors"
NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@(\S+))?")
LIBRARY, VERSION = "gan_color", version("gan-color")


def fetch(name: str) -> Path:
    """The model file of "hf-hub:owner/name" or "hf-hub:owner/name@revision", in the Hub's cache.

    Raises GanColorError: no such repository, revision or file, no permission, no network.
    """
    match = NAME.fullmatch(name.removeprefix(PREFIX))
    if match is None:
        raise GanColorError(
            f"model: found {name!r}, expected {PREFIX}owner/name or {PREFIX}owner/name@revision"
        )
    repository, revision = match.groups()
    return download(name, repository, MODEL, revision)


def download(name: str, repository: str, file: str, revision: str | None = None) -> Path:
    """A repository's file, in the Hub's cache; `name` is what a refusal calls it."""
    with explained(name, repository):
        found = hf_hub_download(
            repository, file, revision=revision, library_name=LIBRARY, library_version=VERSION
        )
    return Path(found)


def repository_of(path: Path) -> str | None:
    """ "owner/name" of a file in the Hub's cache, else None."""
    for parent in path.parents:
        if parent.name.startswith("models--"):
            return parent.name.removeprefix("models--").replace("--", "/")
    return None


@contextmanager
def explained(name: str, repository: str) -> Iterator[None]:
    """The Hub's refusals as GanColorError; those of subclasses before those of their parents."""
    page = f"{constants.ENDPOINT}/{repository}"
    log_in = "`hf auth login` (or set HF_TOKEN)"
    try:
        yield
    except HFValidationError as error:
        reason = f"found {name!r}, expected owner/name: {error}"
    except GatedRepoError:
        reason = f"{repository} is gated: accept its terms at {page}, then {log_in}"
    except RepositoryNotFoundError:
        reason = f"found no repository at {page}; if it is private, {log_in}"
    except RevisionNotFoundError:
        reason = f"{repository} has no such revision; see {page}/commits"
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        reason = (
            f"{constants.ENDPOINT} cannot be reached and {repository} is not in "
            f"{constants.HF_HUB_CACHE}; go online (without HF_HUB_OFFLINE) for the first time"
        )
    except EntryNotFoundError:
        reason = f"{repository} holds no {MODEL}, expected one that gan_color wrote; see {page}"
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            reason = f"no permission for {page}: {log_in}, with a token that may do this"
        else:
            reason = f"{constants.ENDPOINT} answered {status} for {repository}; try again later"
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        reason = f"{constants.ENDPOINT} failed for {repository}: {detail}"
    else:
        return
    raise GanColorError(f"{PREFIX.rstrip(':')}: {reason}")
