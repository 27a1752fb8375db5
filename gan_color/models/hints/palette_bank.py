"""How photos of like content are colored: palettes to draw several answers from."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PREFIX = "palette_bank."  # of its tensors in a model file


class PaletteBank(nn.Module):
    """For each of K contents, N palettes: how colors were distributed in photos of it.

    contents [K, C] are centers of the deepest encoder map's mean, and shares [K, N, 313] of the ab
    bins. Fitted by gan_color.evaluation.palettes; `gan-color palettes` puts it into a model file.
    """

    contents: Tensor
    shares: Tensor

    def __init__(self, contents: Tensor, shares: Tensor) -> None:
        super().__init__()
        self.register_buffer("contents", contents)
        self.register_buffer("shares", shares)

    def of_like_content(self, content: Tensor) -> Tensor:
        """The palettes [B, N, 313] of the contents nearest to `content` [B, C], by the cosine."""
        likeness = F.normalize(content.float(), dim=1) @ F.normalize(self.contents.float(), dim=1).T
        return self.shares[likeness.argmax(dim=1)].float()


def make_room(module: nn.Module, state: dict[str, Tensor], *_: object) -> None:
    """A hook before load_state_dict: `palette_bank` is there where the state has one, and only
    there, in its size.
    """
    bank = None
    if PREFIX + "contents" in state:
        contents, shares = (state[PREFIX + name] for name in ("contents", "shares"))
        bank = PaletteBank(torch.zeros_like(contents), torch.zeros_like(shares))
    setattr(module, PREFIX.removesuffix("."), bank)
