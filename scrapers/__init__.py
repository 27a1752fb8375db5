"""From a recipe to a folder of clean, licensed, attributed photographs.

    search → filter → fetch → store → check → split → pack

| step   | code                                 | what it does                                     |
|--------|--------------------------------------|--------------------------------------------------|
| search | `sources/`                           | query in, items out: URL, page, author, license  |
| filter | `collect/filters.py`                 | license, terms and stated size, before any fetch |
| fetch  | `fetch/client.py`, `fetch/access.py` | retries, resume; robots.txt, opt-outs, rates     |
| store  | `collect/store.py`                   | bytes first, then a manifest row; safe to kill   |
| check  | `checks/`, run by `clean/scan.py`    | image in, verdict and score out                  |
| split  | `export/split.py`, `export/resize.py`| train, val, test by content; resized copies      |
| pack   | `export/webdataset.py`               | WebDataset tars                                  |

`collect/collector.py` drives search to store, `clean/run.py` the checks; rejected files go to
`clean/quarantine.py`, which also restores them.

This package never imports gan_color, nor the other way around: a folder of images with a manifest
is all that passes between them.
"""
