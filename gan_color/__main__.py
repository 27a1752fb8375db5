"""`python -m gan_color` is the command gan-color; torchrun starts it so."""

from gan_color.cli import main

main()
