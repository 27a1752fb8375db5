"""albumentations in the configuration: what is taken, and the sentence for what is not."""

import json
from typing import Any

import pytest
import yaml

from gan_color.config.schema import load
from gan_color.config.transforms import build_transforms, check_transforms, without_update_check
from gan_color.errors import GanColorError
from tests.helpers.runs import REPOSITORY

with without_update_check():
    import albumentations as A

TINY = REPOSITORY / "configs" / "tiny.yml"
KINDS = {
    "spatial": A.Affine(rotate=(-10, 10), p=0.7),
    "color": A.HueSaturationValue(hue_shift_limit=5, p=0.3),
    "derived values": A.RGBShift(r_shift_limit=30, p=1.0),
    "nested": A.OneOf([A.CLAHE(p=1.0), A.Sequential([A.VerticalFlip()], p=0.5)], p=0.4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_albumentations_writes_is_taken_from_yaml_and_json(kind: str):
    written = A.to_dict(KINDS[kind])["transform"]
    plain = json.loads(json.dumps(written))
    for read in (written, plain, yaml.safe_load(yaml.safe_dump(plain))):
        check_transforms([read])
        assert A.to_dict(build_transforms([read])[0])["transform"] == written


@pytest.mark.filterwarnings("error")
def test_advice_of_albumentations_is_no_refusal():
    check_transforms([named("ShiftScaleRotate")])  # "please use Affine instead"


def named(name: str, **arguments: Any) -> dict[str, Any]:
    return {"__class_fullname__": name, **arguments}


WRONG = {
    "a name": (named("HorizontalFlop"), r"\[0\]: found 'HorizontalFlop'.*mean HorizontalFlip\?"),
    "a name within": (
        named("OneOf", transforms=[named("CLAHE"), named("HueSaturationValeu")]),
        r"\[0\] OneOf\[1\]: found 'HueSaturationValeu'.*mean HueSaturationValue\?",
    ),
    "a base class": (named("DualTransform"), r"found 'DualTransform', expected a transform"),
    "code": (named("Lambda", __name__="f"), r"found 'Lambda', expected .* can be serialized"),
    "another form": ({"HorizontalFlip": {"p": 1}}, r"expected \{__class_fullname__: Horiz"),
    "an argument": (named("Rotate", limits=3), r"Rotate: limits: unknown argument.*mean limit\?"),
    "a value": (named("Rotate", limit="much"), r"Rotate: limit: found 'much'"),
    "a probability": (named("Rotate", p=2), r"Rotate: p: found 2: .*less than or equal to 1"),
    "a changed derived value": (
        named("RGBShift", approximation=0.5),
        r"RGBShift: approximation: unknown argument",
    ),
    "nothing": (named("RandomCrop"), r"RandomCrop: height: missing"),
    "no list": (named("OneOf", p=1.0), r"OneOf: transforms: found None, expected a list"),
    "a size": (named("RandomCrop", height=64, width=64), r"RandomCrop: makes .* the same size"),
    "a size at random": (named("RandomScale", p=0.01), r"RandomScale: makes .* the same size"),
    "floats": (named("Normalize"), r"Normalize: gives float32, expected uint8 RGB"),
    "a tensor": (named("ToTensorV2"), r"ToTensorV2: gives torch.uint8, expected uint8 RGB"),
    "a second image": (named("FDA"), r"FDA: cannot change an RGB image alone"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("section", ["data", "stages.pretrain"])
def test_what_is_wrong_is_said_when_the_configuration_is_read(kind: str, section: str):
    written, said = WRONG[kind]
    override = f"{section}.augment.transforms={json.dumps([written])}"
    with pytest.raises(GanColorError, match=rf"{section}\.augment\.transforms: .*{said}") as caught:
        load(TINY, (override,))
    assert "\n" not in str(caught.value)


def test_a_configuration_carries_its_transforms():
    written = [named("HorizontalFlip", p=0.25)]
    config = load(TINY, (f"data.augment.transforms={json.dumps(written)}",))
    assert json.loads(config.data.model_dump_json())["augment"]["transforms"] == written


def test_the_documentations_example_is_taken():
    text = (REPOSITORY / "docs" / "train.md").read_text(encoding="utf-8")
    (block,) = (part.split("```")[0] for part in text.split("```yaml")[1:] if "__class_" in part)
    written = yaml.safe_load(block)["data"]["augment"]["transforms"]
    assert [type(transform) for transform in build_transforms(written)] == [A.Affine, A.OneOf]
    check_transforms(written)
