"""A model in front of people: a REST interface and a web page (extra `web`).

    uvicorn-ready: gan_color.web.app.create_app(Path("runs"))
    command line:  gan-color serve --models runs

The page is a door to the REST interface: both share one queue, one set of limits and one pipeline.
A visitor's photo lives in memory while it is coloured, and nowhere else.
"""
