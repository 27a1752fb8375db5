"""Writes outputs.json anew, for a change of answers that is meant: python tests/golden/write.py"""

import json

from golden import OUTPUTS, discriminator_golden, discriminators, model_cases, model_golden


def main() -> None:
    found = {
        "models": {key: model_golden(key, *case) for key, case in model_cases().items()},
        "discriminators": {k: discriminator_golden(d) for k, d in discriminators().items()},
    }
    OUTPUTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
