"""The thresholds of `clean`: datasets/clean.yml overrides any of them."""

from pydantic import Field

from scrapers.options import Strict


class Rules(Strict):
    """Chroma is Lab's C*, 0 to about 130; shares and correlations are 0 to 1."""

    min_side: int = Field(64, ge=1, description="pixels of the shorter side")
    max_aspect: float = Field(4.0, gt=1)
    max_pixels: int = Field(150_000_000, gt=0)
    grey_chroma: float = Field(2.5, ge=0, description="grey below it (95th percentile, blurred)")
    toned_fit: float = Field(0.4, ge=0, le=1, description="share of ab that lightness explains")
    toned_left: float = Field(0.15, ge=0, description="what it leaves, in parts of the chroma")
    toned_width: float = Field(0.036, ge=0, description="spread across ab's main axis, the same")
    toned_curve: float = Field(0.08, ge=0, description="or so little left, at a fit of 0.85")
    toned_chroma: float = Field(36.0, ge=0, description="no toning is stronger than this")
    flat_share: float = Field(0.52, ge=0, le=1, description="pixels like their neighbours: drawn")
    flat_colours: float = Field(0.6, ge=0, le=1, description="and share of the 8 commonest colours")
    saturated_share: float = Field(0.6, ge=0, le=1, description="pixels with C* above 90")
    min_entropy: float = Field(2.0, ge=0, description="bits of the histogram of lightness")
    border: int = Field(4, ge=0, description="pixels of flat border that are cropped; 0: never")
    duplicate_distance: int = Field(7, ge=0, le=7, description="bits of pHash between candidates")
    duplicate_match: float = Field(0.75, ge=0, le=1, description="correlation of their thumbnails")
