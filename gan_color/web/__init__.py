"""A model in front of people: a REST interface and a web page (extra `web`).

    uvicorn-ready: gan_color.web.app.create_app(Path("runs"))
    command line:  gan-color serve --models runs

The page calls the REST interface: one queue, one set of limits, one pipeline. A photo is held in
memory while it is colorized, and nowhere else.
"""
