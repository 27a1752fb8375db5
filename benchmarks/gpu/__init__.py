"""`python -m benchmarks gpu`: all that only a GPU can answer, in one go that may be broken off.

`parts` says what is measured and in which order, `runner` measures it in processes that can be
killed, `results` keeps gpu.json, `table` writes gpu.md.
"""
