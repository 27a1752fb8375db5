"""Models by name: `pretrained`, as timm's users know it."""

from typing import Any

import pytest
import torch

from gan_color.errors import GanColorError
from gan_color.models import create, names
from gan_color.models import registry as table

TINY: dict[str, dict[str, Any]] = {
    "unet": {"decoder_channels": (16, 16, 8, 8, 8)},
    "ddcolor": {"encoder": "convnext_atto", "base_channels": 32, "query_layers": 3},
    "koalarization": {"classifier": "resnet18", "base_channels": 4},
    "deoldify": {"encoder": "resnet18", "width_mult": 0.125},
}
KEYS = {
    "unet": "encoder_weights",
    "ddcolor": "encoder_weights",
    "koalarization": "classifier_weights",
    "deoldify": "encoder_weights",
}


class Built:
    """In a model's place: keeps the options that it would have been built from."""

    def __init__(self, options: Any) -> None:
        self.options = options


@pytest.mark.parametrize("name", TINY)
def test_pretrained_false_downloads_nothing(name: str):
    model = create(name, pretrained=False, **TINY[name])
    assert getattr(model.options, KEYS[name]) == "none"
    assert model.predict_ab(torch.zeros(1, 1, 32, 32)).shape == (1, 2, 32, 32)


@pytest.mark.parametrize("name", names())
def test_every_model_takes_pretrained_false(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table.model_class(name), "__init__", Built.__init__)
    options = create(name, pretrained=False).options
    assert "pretrained" not in options.model_dump().values()


@pytest.mark.parametrize("name", TINY)
def test_pretrained_true_is_the_published_weights(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table.model_class(name), "__init__", Built.__init__)
    assert getattr(create(name, pretrained=True).options, KEYS[name]) == "pretrained"


@pytest.mark.parametrize("name", sorted(set(names()) - set(TINY)))
def test_pretrained_true_is_refused_where_nothing_can_be_downloaded(name: str):
    with pytest.raises(GanColorError, match=f"pretrained=True, but '{name}' has no part"):
        create(name, pretrained=True)


def test_a_model_of_published_weights_is_told_where_they_go():
    with pytest.raises(GanColorError, match="set weights to the path"):
        create("zhang16", pretrained=True)


@pytest.mark.parametrize("name", TINY)
def test_two_answers_to_one_question_are_refused(name: str):
    with pytest.raises(GanColorError, match=rf"pretrained=False and {KEYS[name]}='a\.safetensors'"):
        create(name, pretrained=False, **{KEYS[name]: "a.safetensors"})


def test_pretrained_is_true_or_false():
    with pytest.raises(GanColorError, match=r"found 'imagenet', expected True or False"):
        create("unet", pretrained="imagenet")  # type: ignore[arg-type]
