"""A model file, its options and its card, put on the Hugging Face Hub."""

import json
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from gan_color.errors import GanColorError
from gan_color.hub.hugging_face import LIBRARY, MODEL, NAME, VERSION, download, explained
from gan_color.hub.model_card import model_card, terms
from gan_color.hub.model_file import load_model, read_header

CONFIG, CARD = "config.json", "README.md"


def publish(path: Path, repository: str, private: bool = False) -> str:
    """Put a model file, its options and its card into a repository, in one commit; its address.

    The repository is made where there is none. A card that is there stays as it is, but has to
    say the file's terms. Raises GanColorError: a file that is no usable model, a public repository
    where a private one was asked for, a card without the terms, no permission, no network.
    """
    if NAME.fullmatch(repository) is None or "@" in repository:
        raise GanColorError(f"--to-hub: found {repository!r}, expected owner/name")
    header = read_header(path)
    load_model(path)  # nobody is handed a file that cannot be used
    api = HfApi(library_name=LIBRARY, library_version=VERSION)
    with explained(repository, repository):
        _prepare(api, repository, private)
        config = {"library_name": LIBRARY, "architecture": header["name"]}
        contents: dict[str, Path | bytes] = {
            MODEL: path,
            CONFIG: (
                json.dumps(config | {"model_args": header["options"]}, indent=2) + "\n"
            ).encode(),
        }
        if api.file_exists(repository, CARD):
            kept = download(repository, repository, CARD).read_text(errors="replace")
            _check_card(kept, terms(header), repository)
        else:
            contents[CARD] = model_card(path, repository=repository).encode()
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        api.create_commit(repository, operations, commit_message=f"Add {header['name']} model")
    return f"{constants.ENDPOINT}/{repository}"


def _prepare(api: HfApi, repository: str, private: bool) -> None:
    """Make the repository, or see that the one that is there is as private as was asked for."""
    try:
        found = api.model_info(repository)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        api.create_repo(repository, private=private)
        return
    if private and not found.private:
        raise GanColorError(
            f"--private: {repository} is there and public; make it private in its settings, or "
            "choose another name"
        )


def _check_card(card: str, needed: list[str], repository: str) -> None:
    said = " ".join(card.split()).lower()
    missing = [each for each in needed if " ".join(each.split()).lower() not in said]
    if missing:
        raise GanColorError(
            f"--to-hub: {CARD} of {repository} does not say the file's terms: "
            f"{'; '.join(missing)}. Add them there, or delete it so that a card is written"
        )
