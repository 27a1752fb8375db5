"""From a recipe to a folder of clean, licensed, attributed photographs.

    search → gate → fetch → store → check → split → pack

| word   | file             | what happens                                                     |
|--------|------------------|------------------------------------------------------------------|
| search | `sources/`       | a source turns a query into items: url, page, author, licence    |
| gate   | `gate.py`        | licence, terms and stated size, before anything is fetched       |
| fetch  | `client.py`      | robots, opt-outs, rates, retries, resume; errors are values      |
| store  | `collect.py`     | bytes first, then one row in the manifest; killable at any moment |
| check  | `checks/`        | picture in, verdict and score out; `clean.py` runs them          |
| split  | `prepare.py`     | train, val, test by content; resized copies                      |
| pack   | `pack.py`        | WebDataset tars                                                  |

This package never imports gan_color, nor the other way: a folder of pictures with a manifest is all
that passes between them.
"""
