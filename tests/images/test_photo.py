"""Photos beside each other."""

import numpy as np

from gan_color.images.photo import Photo, side_by_side


def test_a_strip_has_its_labels_above_and_its_photos_unchanged():
    one, other = (Photo(np.full((48, 90, 3), value, np.uint8)) for value in (40, 200))
    plain, labeled = side_by_side([one, other]), side_by_side([one, other], ["gray", "truth"])
    assert plain.size == (180, 48)
    above = labeled.pixels[: labeled.size[1] - 48]
    assert np.array_equal(labeled.pixels[-48:], plain.pixels)
    assert above.shape[0] > 12
    for part in (above[:, :90], above[:, 90:]):
        assert part.min() < 100  # black letters
        assert (part == 255).mean() > 0.5
