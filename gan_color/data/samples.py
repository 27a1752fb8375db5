"""Photographs that installed packages carry, cut into a small dataset for demos and tests."""

import shutil
from pathlib import Path

from PIL import Image

# scikit-image, scikit-learn and matplotlib ship these in their wheels. Medical and astronomical
# images are excluded: their colors are not those of the world.
SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg")
SCIKIT_LEARN = ("china.jpg", "flower.jpg")
MATPLOTLIB = ("grace_hopper.jpg",)
HELD_OUT = "coffee.png"
# Crops per side at each scale; every scale covers the whole image.
GRID = (1, 2, 3)
CROP_SIZE = 160


def photographs() -> dict[str, Path]:
    """The training photographs by name."""
    import matplotlib
    import sklearn.datasets
    from skimage import data

    scikit_image = Path(data.__file__).parent
    scikit_learn = Path(sklearn.datasets.__file__).parent / "images"
    sample_data = Path(matplotlib.get_data_path()) / "sample_data"
    found = [scikit_image / name for name in SCIKIT_IMAGE]
    found += [scikit_learn / name for name in SCIKIT_LEARN]
    found += [sample_data / name for name in MATPLOTLIB]
    return {path.stem: path for path in found}


def held_out() -> Path:
    """The color photograph that samples never train on."""
    from skimage import data

    return Path(data.__file__).parent / HELD_OUT


def gray_photograph() -> Path:
    """scikit-image's camera: a photograph that was gray from the start."""
    from skimage import data

    return Path(data.__file__).parent / "camera.png"


def _crops(image: Image.Image, grid: int) -> list[Image.Image]:
    """Square crops in a grid, half overlapping, each resized to CROP_SIZE."""
    side = int(min(image.size) * (1.0 if grid == 1 else 1.5 / grid))
    boxes = []
    for row in range(grid):
        for column in range(grid):
            left, top = (
                round((length - side) * (i / (grid - 1) if grid > 1 else 0.5))
                for length, i in ((image.width, column), (image.height, row))
            )
            boxes.append((left, top, left + side, top + side))
    size = (CROP_SIZE, CROP_SIZE)
    return [image.crop(b).resize(size, Image.Resampling.LANCZOS) for b in dict.fromkeys(boxes)]


def build(folder: Path) -> tuple[Path, Path]:
    """Write the sample dataset unless it is there; returns its (train, val) folders."""
    train, val = folder / "train", folder / "val"
    if not val.is_dir():
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        sources = {name: ("train", path) for name, path in photographs().items()}
        sources["coffee"] = ("val", held_out())
        for name, (split, path) in sources.items():
            (part / split).mkdir(parents=True, exist_ok=True)
            image = Image.open(path).convert("RGB")
            crops = [crop for grid in GRID for crop in _crops(image, grid)]
            for i, crop in enumerate(crops):
                crop.save(part / split / f"{name}_{i:02d}.png")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return train, val
