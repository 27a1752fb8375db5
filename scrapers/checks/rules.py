"""Thresholds of `clean`; datasets/clean.yml overrides any of them."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from scrapers.options import Strict


class Rules(Strict):
    """Chroma is Lab's C*, 0 to about 130; shares and correlations are 0 to 1."""

    min_side: PositiveInt = Field(64, description="pixels, short side")
    max_aspect: float = Field(4.0, gt=1)
    max_pixels: PositiveInt = 150_000_000
    gray_chroma: NonNegativeFloat = Field(2.5, description="gray below (95th percentile, blurred)")
    toned_fit: float = Field(0.4, ge=0, le=1, description="share of ab explained by lightness")
    toned_left: NonNegativeFloat = Field(0.15, description="its residual, relative to chroma")
    toned_width: NonNegativeFloat = Field(
        0.036, description="spread across ab's main axis, relative"
    )
    toned_curve: NonNegativeFloat = Field(0.08, description="or this residual, at a fit of 0.85")
    toned_chroma: NonNegativeFloat = Field(36.0, description="above, only a strict curve is toned")
    toned_near: NonNegativeFloat = Field(0.09, description="or this residual, at a fit of 0.55")
    toned_strict: NonNegativeFloat = Field(0.06, description="the residual of a strict curve")
    toned_limit: NonNegativeFloat = Field(62.0, description="never toned above")
    flat_share: float = Field(0.52, ge=0, le=1, description="pixels equal to their neighbors")
    flat_colors: float = Field(0.6, ge=0, le=1, description="share of the 8 most common colors")
    drawn_share: float = Field(0.45, ge=0, le=1, description="the same of lossy files, +-3 steps")
    drawn_edges: float = Field(0.3, ge=0, le=1, description="hard edges among what is not flat")
    min_sharpness: NonNegativeFloat = Field(0.14, description="fine structure by contrast")
    max_noise: NonNegativeFloat = Field(16.0, description="deviation in the calmest parts, steps")
    max_jpeg_step: NonNegativeFloat = Field(100.0, description="JPEG's steps: 16 at quality 50")
    watermarks: bool = Field(False, description="read the text of pictures: slow, an extra")
    half_gray_chroma: NonNegativeFloat = Field(10.0, description="of the half that has colors")
    max_seam: float = Field(0.95, ge=0, le=1, description="share of a line along which it breaks")
    max_cross: float = Field(0.64, ge=0, le=1, description="the same, of two lines that cross")
    max_gutter: float = Field(0.9, ge=0, le=1, description="other pixels beside a plain band")
    saturated_share: float = Field(0.6, ge=0, le=1, description="pixels with C* above 90")
    min_entropy: NonNegativeFloat = Field(2.0, description="bits, of the lightness histogram")
    border: NonNegativeInt = Field(4, description="pixels; crop wider flat borders; 0: never")
    duplicate_distance: int = Field(7, ge=0, le=7, description="pHash bits between candidates")
    duplicate_match: float = Field(0.75, ge=0, le=1, description="thumbnail correlation")
