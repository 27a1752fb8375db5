"""`python train_gan.py ...` is the same as `gan-color train ...`."""

import sys

from gan_color.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
