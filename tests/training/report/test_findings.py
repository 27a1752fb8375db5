"""Each sentence about the curves, on made logs, and its absence."""

import re
from collections.abc import Sequence

import pytest

from gan_color.training.report.findings import findings, verdict
from gan_color.training.report.numbers import Row


def steps(stage: str, count: int = 20, start: int = 0, **columns: Sequence[float]) -> list[Row]:
    """Rows of a stage, ten images apart; a column is (first, last) or all its values."""
    rows = []
    for i in range(count):
        row = {"stage": stage, "total_images": str(start + 10 * (i + 1)), "lr": "0.1"}
        for name, values in columns.items():
            if len(values) == count:
                value = values[i]
            else:
                first, last = values
                value = first + (last - first) * i / (count - 1)
            row[name] = str(value)
        rows.append(row)
    return rows


def epochs(rows: list[Row], **columns: Sequence[float]) -> list[Row]:
    """The rows with validations or snapshots spread evenly among them."""
    count = len(next(iter(columns.values())))
    every = len(rows) // count
    found = []
    for i, row in enumerate(rows, 1):
        found.append(row)
        if i % every == 0 and i // every <= count:
            values = {name: str(v[i // every - 1]) for name, v in columns.items()}
            found.append({**{k: row[k] for k in ("stage", "total_images")}, **values})
    return found


def gan(accuracy: Sequence[float], **columns: Sequence[float]) -> list[Row]:
    made = {"adversarial": (1.0, 0.5), "discriminator": (0.5, 0.01), "accuracy_0": accuracy}
    return steps("gan", **made, **columns)


def said(rows: list[Row]) -> list[tuple[str, bool]]:
    return [(finding.text, finding.warning) for finding in findings(rows)]


def test_discriminators_that_win():
    ((text, warning),) = said(gan((0.6, 1.0), accuracy_1=[0.5] * 15 + [1.0] * 5))
    assert not warning  # on the way there: 0.93 and 1 over the last quarter
    assert text == (
        "gan: the discriminators are right on 97.9 % of the last quarter's images: they do not win."
    )
    rows = gan([0.6] * 15 + [1.0] * 5, accuracy_1=[0.5] * 15 + [1.0, 0.99, 1.0, 1.0, 1.0])
    ((text, warning),) = said(rows)
    assert warning
    assert text.startswith(
        "gan: the discriminators win: they are right on 99.9 % of the last quarter's images (loss "
    )
    assert "Try a lower discriminator_lr_mult" in text


def test_discriminators_alone_may_win():
    assert said(steps("discriminator", accuracy_0=(0.5, 1.0), discriminator=(1.0, 0.0))) == []


def test_a_few_rows_say_nothing_of_who_wins():
    rows = gan((1.0, 1.0))
    assert said(rows[:7]) == []
    assert len(said(rows[:8])) == 1


SNAPSHOTS = "snapshot_frechet", "snapshot_colorfulness_ratio"


@pytest.mark.parametrize(
    ("distances", "ratios", "expected"),
    [
        ([10.0, 10.5, 9.9], [0.5, 0.7, 0.9], r"gan: the GAN adds only saturation: colorfulness"),
        ([10.0, 9.0, 12.0], [0.5, 0.7, 0.9], ""),
        ([10.0, 10.5, 9.9], [0.9, 0.9, 0.92], r"gan: the GAN gains nothing: colorfulness"),
        ([10.0, 10.5, 8.0], [0.9, 0.9, 0.9], ""),
    ],
)
def test_a_gan_that_only_saturates(distances: list[float], ratios: list[float], expected: str):
    rows = epochs(steps("gan", 18), **dict(zip(SNAPSHOTS, (distances, ratios), strict=True)))
    ((text, warning),) = said(rows)
    assert warning == bool(expected)
    if expected:
        assert re.match(expected, text)
        assert "the Fréchet distance from 10.0 to 9.90 at best. Try a " in text
    else:
        assert text.endswith("at best: colors became more like those of photographs.")


def test_one_snapshot_says_nothing_of_saturation():
    assert (
        said(epochs(steps("gan", 18), snapshot_frechet=[1], snapshot_colorfulness_ratio=[1])) == []
    )


def test_overfitting():
    rows = steps("pretrain", pixel=(1.0, 0.5), total=(1.0, 0.5))
    ((text, warning),) = said(epochs(rows, psnr=[20.0, 22.0, 21.8, 21.4, 21.2]))
    assert warning
    assert text.startswith(
        "pretrain: overfitting: since 80 images PSNR on validation images has fallen from 22.0 to "
        "21.2 dB, while the training's pixel went from 0.855 to 0.539. Try more images"
    )


@pytest.mark.parametrize(
    "psnr", [[20, 21, 22, 23, 24], [20, 22, 21.9, 21.9, 21.9], [20, 21, 22, 23, 22], [24, 22, 24]]
)
def test_no_overfitting_while_validation_does_not_fall(psnr: list[float]):
    ((text, warning),) = said(epochs(steps("pretrain", pixel=(1.0, 0.5)), psnr=psnr))
    assert not warning
    assert text.endswith("dB: no sign of overfitting.")


def test_a_training_that_gets_worse_is_no_overfitting():
    rows = epochs(steps("pretrain", pixel=(0.5, 1.0)), psnr=[20.0, 22.0, 21.8, 21.4, 21.2])
    ((text, warning),) = said(rows)
    assert warning
    assert text.startswith("pretrain: training got worse: since 80 images PSNR")
    assert text.endswith("Try a lower lr.")


def test_a_loss_that_psnr_does_not_measure_is_no_sign_of_overfitting():
    psnr = [20.0, 22.0, 21.8, 21.4, 21.2]
    for name in ("classification", "colorfulness_loss"):
        assert said(epochs(steps("tune", **{name: (1.0, 0.5)}), psnr=psnr)) == []


def test_a_gan_is_not_said_to_overfit():
    rows = epochs(gan((0.5, 0.6), pixel=(1.0, 0.5)), psnr=[20.0, 22.0, 21.8, 21.4, 21.2])
    assert [warning for _, warning in said(rows)] == [False]


def test_the_verdict_is_one_sentence():
    good = epochs(steps("pretrain", pixel=(1.0, 0.5)), psnr=[20, 21, 22])
    bad = epochs(steps("gan", 18), snapshot_frechet=[1, 1], snapshot_colorfulness_ratio=[0.5, 1])
    assert verdict(findings(good)) == "All is well: nothing in the curves asks for a change."
    assert verdict(findings(good + bad)) == "1 of 2 sentences ask for a change."
    assert verdict(findings([])) == "The log is too short to say anything."
