"""From a recipe to a folder of clean, licensed, attributed photographs.

    search → gate → fetch → store → check → split → pack

| word   | file             | what happens                                                     |
|--------|------------------|------------------------------------------------------------------|
| search | `sources/`       | a source turns a query into items: url, page, author, licence    |
| gate   | `gate.py`        | licence, terms and stated size, before anything is fetched       |
| fetch  | `client.py`      | retries, resume; `access.py`: robots, opt-outs, rates            |
| store  | `store.py`       | bytes first, then one row in the manifest; killable at any moment |
| check  | `checks/`        | picture in, verdict and score out; `examination.py` runs them    |
| split  | `prepare.py`     | train, val, test by content; resized copies                      |
| pack   | `pack.py`        | WebDataset tars                                                  |

`collect.py` is the run from search to store, `clean.py` the one of checks; what it refuses goes to
`quarantine.py` and comes back from there.

This package never imports gan_color, nor the other way: a folder of pictures with a manifest is all
that passes between them.
"""
