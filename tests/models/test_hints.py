"""The U-Net's hints: what they add, where, and what a file with branches is without them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from gan_color.color.ab_bins import BIN_COUNT
from gan_color.data.simulated_hints import whole_palette
from gan_color.errors import GanColorError
from gan_color.hub.model_file import load_model, read_header, save_model
from gan_color.hub.pretrained import find_model
from gan_color.models import registry
from gan_color.models.base import Colorizer
from gan_color.models.hints import CHROMA_SCALE, PALETTE, Hints, palette
from tests.helpers.tiny_steps import batch, generator


def point(b: int, y: int, x: int, ab: tuple[float, float], size: int = 64, count: int = 2) -> Hints:
    """One pixel of one image of a batch."""
    hints = Hints(torch.zeros(count, 2, size, size), torch.zeros(count, 1, size, size))
    hints.ab[b, :, y, x] = torch.tensor(ab)
    hints.mask[b, :, y, x] = 1
    return hints


def train_branches(model: Colorizer, scale: float = 0.3) -> Colorizer:
    """As if branches had been trained: none of their weights is special."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("hint_branches."):
                parameter.copy_(torch.randn_like(parameter) * scale)
    return model.eval()


@pytest.mark.parametrize(
    "options", [{}, {"decoder": "queries", "query_width": 32}, {"attention_stride": None}]
)
def test_fresh_branches_change_nothing(options: dict):
    """The same weights without them answer the same to the bit, whatever is hinted."""
    plain, hinted = generator("both", **options), generator("both", hints=True, **options)
    state = hinted.state_dict()
    branches = {key for key in state if key.startswith("hint_branches.")}
    assert len(branches) > 15
    assert state.keys() - branches == plain.state_dict().keys()
    # They are made last, so that a seed gives the other weights it always gave (but for the head,
    # which the helper draws after them).
    assert all(
        torch.equal(state[k], v) for k, v in plain.state_dict().items() if k != "head.weight"
    )
    hinted.head.load_state_dict(plain.head.state_dict())
    L = batch(2, 70).L
    for train in (False, True):
        expected = plain.train(train)(L)
        hints = point(0, 20, 30, (0.5, -0.5), size=70)
        # Training moves BatchNorm's statistics and spectral norm's vectors: once each, alike.
        assert torch.equal(hinted.train(train)(L, hints), expected)
    assert torch.equal(hinted.eval()(L), plain.eval()(L))


def test_the_shipped_weights_answer_the_same_without_their_branches():
    path = find_model("gan-color-small")
    header, hinted = read_header(path), load_model(path)
    assert hinted.takes_hints
    plain = registry.create(header["name"], **header["options"] | {"hints": False}).fold().eval()
    extra = ("hint_branches.", "palette_bank.")
    state = {k: v for k, v in hinted.state_dict().items() if not k.startswith(extra)}
    plain.load_state_dict(state)
    L = batch(2, 70).L
    expected = plain.predict_ab(L)
    assert expected.std() > 0.01
    assert torch.equal(hinted.predict_ab(L), expected)
    assert torch.equal(hinted.predict_ab(L, Hints.none(L)), expected)
    hints = point(0, 20, 30, (0.5, -0.5), size=70)
    assert not torch.equal(hinted.predict_ab(L, hints), expected)


def test_trained_branches_add_exactly_nothing_where_nothing_is_hinted():
    """No bias anywhere: one file serves both who give hints and who do not."""
    model = train_branches(generator("both", hints=True))
    assert not [n for n, _ in model.hint_branches.named_parameters() if "bias" in n]
    assert not list(model.hint_branches.buffers())
    L = batch(2, 64).L
    nothing = Hints(torch.ones(2, 2, 64, 64), torch.zeros(2, 1, 64, 64))
    assert torch.equal(model(L, nothing), model(L))
    assert torch.equal(model.predict_ab(L, nothing), model.predict_ab(L))
    assert not torch.equal(model(L, point(0, 20, 30, (0.5, -0.5))), model(L))


def test_without_the_option_a_unet_is_as_it_was():
    model = generator("both")
    assert not [key for key in model.state_dict() if "hint" in key]
    with pytest.raises(GanColorError, match="hints: this model takes none"):
        model(batch(2, 64).L, point(0, 1, 1, (0.1, 0.1)))


def test_hints_are_pooled_over_what_is_known():
    ab, mask = torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8)
    ab[0, :, 1, 2], mask[0, 0, 1, 2] = torch.tensor([0.4, -0.2]), 1
    ab[0, :, 3, 3], mask[0, 0, 3, 3] = torch.tensor([0.2, -0.4]), 1
    ab[0, :, 2, 2] = 0.9  # not known, not read
    pooled = Hints(ab, mask).at_stride(4)
    assert pooled.shape == (1, 4, 2, 2)
    assert torch.allclose(pooled[0, :, 0, 0], torch.tensor([0.3, -0.3, 1.0, 2 / 16]))
    assert pooled[0, :, 1].abs().sum() == pooled[0, :, 0, 1].abs().sum() == 0
    assert torch.equal(Hints(ab, mask).at_stride(1)[:, :2], ab * mask)


def test_a_hint_reaches_what_resembles_its_place_and_not_the_rest():
    """The attention: features alike at any distance, none where there is no likeness."""
    model = train_branches(generator("none", hints=True))
    attention = model.hint_branches.attention
    channels = attention.to_query.in_channels
    with torch.no_grad():
        for projection in (attention.to_query, attention.to_key):
            projection.weight.zero_()
            for head in range(2):
                projection.weight[32 * head, 0] = 20.0
    x = torch.zeros(1, channels, 8, 8)
    x[:, 0] = -1.0  # background
    x[:, 0, 0, 0] = x[:, 0, 7, 7] = x[:, 0, 0, 7] = 1.0  # an object
    hints = torch.zeros(1, 4, 8, 8)
    hints[0, :, 0, 0] = torch.tensor([0.5, -0.5, 1.0, 1.0])
    with torch.no_grad():
        added = attention(x, hints)[0]
    reached = added.abs().sum(dim=0) > 1e-6
    assert reached.nonzero().tolist() == [[0, 0], [0, 7], [7, 7]]
    assert torch.allclose(added[:, 7, 7], added[:, 0, 0])
    assert torch.equal(attention(x, torch.zeros_like(hints)), torch.zeros_like(x))


def test_branches_learn_and_are_reached_by_the_gradient():
    """With the rest held still: two images of one color each, which only the hints tell."""
    model, L = generator("none", hints=True).eval(), batch(1, 64).L.expand(2, -1, -1, -1)
    ab = torch.tensor([[0.4, -0.3], [-0.3, 0.4]]).view(2, 2, 1, 1).expand(-1, -1, 64, 64)
    mask = torch.zeros(2, 1, 64, 64)
    mask[..., ::8, ::8] = 1
    hints = Hints(ab, mask, whole_palette(ab))
    optimizer = torch.optim.Adam(model.hint_branches.parameters(), 1e-2)
    before = {n: p.detach().clone() for n, p in model.hint_branches.named_parameters()}
    losses = []
    for _ in range(30):
        loss = nn.functional.mse_loss(model(L, hints), ab)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    still = [n for n, p in model.hint_branches.named_parameters() if torch.equal(p, before[n])]
    assert still == []


def test_the_header_says_that_a_model_takes_hints(tmp_path: Path):
    model = train_branches(generator("both", hints=True))
    save_model(tmp_path / "m.safetensors", "unet", model, {})
    assert read_header(tmp_path / "m.safetensors")["options"]["hints"] is True
    loaded, data = load_model(tmp_path / "m.safetensors"), batch(2, 70)
    assert loaded.takes_hints
    hints = point(1, 60, 69, (0.4, 0.4), size=70)
    expected = model.predict_ab(data.L, hints)
    assert torch.allclose(loaded.predict_ab(data.L, hints), expected, atol=1e-5)
    save_model(tmp_path / "plain.safetensors", "unet", generator("both"), {})
    assert not load_model(tmp_path / "plain.safetensors").takes_hints


def test_a_compiled_model_takes_hints():
    model, L = train_branches(generator("both", hints=True)), batch(2, 64).L
    hints = point(0, 20, 30, (0.5, -0.5))
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    with torch.no_grad():
        assert torch.allclose(compiled(L, hints), model(L, hints), atol=1e-5)


def overall(count: int = 2, *, shares: bool = True, chroma: bool = True) -> Hints:
    """Global hints alone: half of the picture of one bin, half of another, or one of the two."""
    told = torch.zeros(count, BIN_COUNT)
    told[:, 40] = told[:, 200] = 0.5
    known = (torch.full((count,), float(each)) for each in (shares, chroma))
    vector = palette(told, next(known), torch.full((count,), 0.2), next(known))
    return replace(Hints.none(torch.zeros(count, 1, 64, 64)), palette=vector)


def test_a_palette_tells_what_is_known_and_nothing_else():
    both = overall().palette[0]
    assert both.shape == (PALETTE,)
    assert both[[40, 200]].square().tolist() == pytest.approx([0.5, 0.5])
    assert both[BIN_COUNT:].tolist() == pytest.approx([1, 0.2 * CHROMA_SCALE, 1])
    assert overall(shares=False).palette[0, : BIN_COUNT + 1].abs().sum() == 0
    assert overall(chroma=False).palette[0, BIN_COUNT + 1 :].abs().sum() == 0


def test_a_palette_of_which_nothing_is_known_adds_exactly_nothing():
    model = train_branches(generator("both", hints=True))
    L = batch(2, 64).L
    assert torch.equal(model(L, overall(shares=False, chroma=False)), model(L))
    answers = [model(L), *(model(L, overall(shares=s, chroma=not s)) for s in (True, False))]
    assert not any(
        torch.equal(one, other) for i, one in enumerate(answers) for other in answers[:i]
    )


def test_parts_of_a_batch_keep_their_own_palettes():
    hints = overall()
    hints.palette[1] = 0
    first, second = hints.split(1)
    assert torch.equal(first.palette, hints.palette[:1])
    assert second.palette.abs().sum() == 0
    assert torch.equal(hints.pad_to_multiple(48).palette, hints.palette)
    assert [part.palette for part in point(0, 1, 1, (0.1, 0.1)).split(1)] == [None, None]
