"""`python train_gan.py --config configs/demo.yml` is `gan-color train --config configs/demo.yml`."""

import sys

from gan_color.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
