"""What the curves of a run say, in sentences: functions of the rows of log.csv alone."""

from collections.abc import Sequence
from typing import NamedTuple

from gan_color.training.report.numbers import Row, by_stage, series, three_digits

LEAST = 8  # rows of a stage that say something about how discriminators and generator stand
WINS = 0.99  # accuracy of discriminators that leaves the generator nothing to learn from
LOWER = 0.98  # of a value: what is not below that has not fallen
HIGHER = 1.05  # of a value: what is not above that has not risen
DROP = 0.2  # dB of PSNR that are no accident
# Losses that measure what PSNR measures, which a stage may train to raise or to give up.
FITS = ("pixel", "psnr_loss", "color_difference_loss")


class Finding(NamedTuple):
    """A sentence about a stage; a `warning` says what to try."""

    text: str
    warning: bool


def findings(rows: Sequence[Row]) -> list[Finding]:
    """What can be said about each stage, in their order."""
    found = []
    for stage, part in by_stage(rows).items():
        checks = (overfitting(part), balance(part), saturation(part))
        found += [Finding(f"{stage}: {f.text}", f.warning) for f in checks if f is not None]
    return found


def verdict(found: Sequence[Finding]) -> str:
    """One sentence over all of them."""
    if not found:
        return "The log is too short to say anything."
    warnings = sum(finding.warning for finding in found)
    if not warnings:
        return "All is well: nothing in the curves asks for a change."
    return f"{warnings} of {len(found)} sentences ask for a change."


def balance(rows: Sequence[Row]) -> Finding | None:
    """Whether the discriminators win, over the last quarter of an adversarial stage."""
    names = sorted({name for row in rows for name in row if name.startswith("accuracy_")})
    steps = [row for row in rows if row.get("adversarial") and row.get("accuracy_0")]
    if len(steps) < LEAST:
        return None
    last = steps[-len(steps) // 4 :]
    accuracy = _mean([value for name in names for value in series(last, name)[1]])
    loss = _mean(series(last, "discriminator")[1])
    right = f"right on {100 * accuracy:.1f} % of the last quarter's images"
    if accuracy >= WINS:
        return Finding(
            f"the discriminators win: they are {right} (loss {three_digits(loss)}), which leaves "
            "the generator nothing to learn from them. Try a lower discriminator_lr_mult, a "
            "shorter discriminator stage before, a smaller discriminator.base_channels, or a "
            "higher feature_matching_weight.",
            True,
        )
    return Finding(f"the discriminators are {right}: they do not win.", False)


def saturation(rows: Sequence[Row]) -> Finding | None:
    """Whether an adversarial stage made photographs of its colors, or only more of them."""
    distances = series(rows, "snapshot_frechet")[1]
    ratios = series(rows, "snapshot_colorfulness_ratio")[1]
    if min(len(distances), len(ratios)) < 2:
        return None
    best = min(distances[1:])
    color = (
        f"colorfulness went from {100 * ratios[0]:.0f} % to {100 * ratios[-1]:.0f} % of the truth's"
    )
    distance = (
        f"the Fréchet distance from {three_digits(distances[0])} to {three_digits(best)} at best"
    )
    if best < LOWER * distances[0]:
        return Finding(f"{color}, {distance}: colors became more like those of photographs.", False)
    if ratios[-1] > HIGHER * ratios[0]:
        return Finding(
            f"the GAN adds only saturation: {color}, {distance}. Try a lower adversarial_weight or "
            "colorfulness_weight, a higher feature_matching_weight, or leave the stage out.",
            True,
        )
    return Finding(
        f"the GAN gains nothing: {color}, {distance}. Try a higher lr or adversarial_weight, or "
        "leave the stage out.",
        True,
    )


def overfitting(rows: Sequence[Row]) -> Finding | None:
    """Whether a supervised stage still learns what is true of images that it does not train on."""
    name = next((n for n in FITS if any(row.get(n) for row in rows)), None)
    images, psnr = series(rows, "psnr")
    if name is None or len(psnr) < 3 or any(row.get("discriminator") for row in rows):
        return None
    best = psnr.index(max(psnr))
    then, now = _loss(rows, name, images, best), _loss(rows, name, images, len(psnr) - 1)
    if then is None or now is None:
        return None
    if max(psnr[-2:]) < psnr[best] - DROP:  # both: one may be an accident
        fell = (
            f"since {images[best]:,.0f} images PSNR on validation images has fallen from "
            f"{three_digits(psnr[best])} to {three_digits(psnr[-1])} dB"
        )
        loss = f"the training's {name} went from {three_digits(then)} to {three_digits(now)}"
        if now - then < (LOWER - 1) * abs(then):
            return Finding(
                f"overfitting: {fell}, while {loss}. Try more images, more data.augment, a higher "
                "weight_decay, or fewer images in the stage.",
                True,
            )
        return Finding(f"training got worse: {fell}, and {loss}. Try a lower lr.", True)
    return Finding(
        f"PSNR on validation images went from {three_digits(psnr[0])} to "
        f"{three_digits(psnr[-1])} dB: no sign of overfitting.",
        False,
    )


def _loss(rows: Sequence[Row], name: str, images: Sequence[float], at: int) -> float | None:
    """The loss' mean over the epoch that ends with validation number `at`."""
    start = images[at - 1] if at else 0.0
    x, y = series(rows, name)
    found = [value for place, value in zip(x, y, strict=True) if start < place <= images[at]]
    return _mean(found) if found else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
