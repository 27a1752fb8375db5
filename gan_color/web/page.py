"""The page: Gradio lays it out, page.js works it, the REST interface colours.

Gradio itself would write every photo to a temporary folder, and offers many addresses that nothing
here needs. So no photo is ever given to it: the browser sends it to /api/colorize, and `PageGuard`
closes every address of Gradio's but those that the page is read from.
"""

import html
import json
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan_color.web import examples
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelLibrary

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while gradio is imported

import gradio as gr

HERE = Path(__file__).parent
OPEN = ("/config", "/theme.css", "/assets/", "/static/", "/favicon.ico", "/manifest.json")
# Gradio's page builds functions from strings; all else must come from this server.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; object-src 'none'; frame-ancestors 'self'; form-action 'self'"
)
DROP_ZONE = """
<label class="drop" for="gc-file"><input id="gc-file" type="file" accept="image/*">
<span><b>Choose a photo</b>, drop it here, or paste it</span></label>
"""
STATUS = '<p id="gc-status" role="status" aria-live="polite"></p>'


class PageGuard:
    """Lets through what the page is made of; answers 404 for the rest of Gradio."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(("/api/", "/examples/")):
            await self.app(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD") and (path in ("", "/") or path.startswith(OPEN)):
            await self.app(scope, receive, _with_policy(send))
        else:
            answer = JSONResponse({"error": "request: found no such page; see /api/docs"}, 404)
            await answer(scope, receive, send)


def _with_policy(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return guarded


def _examples() -> str:
    buttons = "".join(
        f'<button type="button" data-example="{name}" title="{title}">'
        f'<img src="examples/{name}.jpg" alt="{title}" loading="lazy"></button>'
        for name in examples.names()
        for title in [html.escape(name.replace("_", " "))]
    )
    return f'<div class="examples" aria-label="Example photographs">{buttons}</div>'


def build_page(library: ModelLibrary, limits: Limits) -> gr.Blocks:
    """The layout. Every event is a function of page.js; none calls Python."""
    names = list(library.files())
    blocks: gr.Blocks
    with gr.Blocks(title="gan_color", analytics_enabled=False) as blocks:
        gr.Markdown("# Colour a photograph\nIt is worked on in memory and kept nowhere.")
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                gr.HTML(DROP_ZONE, js_on_load=None, elem_id="gc-photo")
                gr.HTML(_examples(), js_on_load=None)
                chosen = gr.Dropdown(
                    names, value=names[:1], multiselect=True, label="Models, side by side"
                )
                render = gr.Slider(
                    64,
                    limits.render,
                    value=256,
                    step=32,
                    label="Detail",
                    info="Shorter side at which the model works, in pixels: more is slower.",
                )
                saturation = gr.Slider(0, 2, value=1, step=0.05, label="Saturation")
                button = gr.Button("Colour", variant="primary", elem_id="gc-colour")
                gr.HTML(STATUS, js_on_load=None)
            with gr.Column(scale=2, min_width=300):
                gr.HTML('<div id="gc-results"></div>', js_on_load=None)
        blocks.load(
            fn=None,
            inputs=chosen,
            outputs=chosen,
            js="(chosen) => window.ganColor.models(chosen)",
        )
        button.click(
            fn=None,
            inputs=[chosen, render, saturation],
            js="(models, render, saturation) => "
            "{ window.ganColor.colour(models, { render, saturation }); return [] }",
        )
    return blocks


def mount_page(app: FastAPI, library: ModelLibrary, limits: Limits) -> None:
    """Put the page at / of an application that has /api and /examples."""
    settings = json.dumps({"uploadBytes": limits.upload_bytes})
    script = (HERE / "page.js").read_text(encoding="utf-8")
    gr.mount_gradio_app(
        app,
        build_page(library, limits),
        path="/",
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        head=f"<script>window.ganColorSettings = {settings};\n{script}</script>",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
    )
    app.add_middleware(PageGuard)
