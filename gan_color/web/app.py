"""The whole server: the REST interface at /api, the page at /, example photographs at /examples."""

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.hub.pretrained import MODELS, verified
from gan_color.web import examples
from gan_color.web.api import create_api
from gan_color.web.limits import Limits
from gan_color.web.model_cache import ModelLibrary

RUNS = Path("runs")


def create_app(
    folder: Path | None,
    device: str = "auto",
    limits: Limits | None = None,
    page: bool = True,
    shipped: bool = False,
) -> FastAPI:
    """An ASGI application that colours with the model files of `folder` (None: of runs/, if any),
    and with the shipped ones where `shipped`; `page=False`: REST alone.

    Raises GanColorError where a folder that was named holds no usable model.
    """
    limits = limits or Limits()
    library = ModelLibrary(folder or RUNS, choose_device(device), limits.models)
    if folder is not None and not library.files():
        reasons = "; ".join(library.unusable())
        raise GanColorError(
            f"models: found none in {str(folder)!r}, expected NAME.safetensors or "
            f"NAME/model.safetensors{': ' if reasons else ''}{reasons}"
        )
    if shipped:
        library.further = tuple(verified(name) for name in MODELS)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/api", create_api(library, limits))

    @app.get("/examples/{name}.jpg")
    def example(name: str) -> Response:
        if name not in examples.names():
            return JSONResponse({"error": f"example: found none called {name[:100]!r}"}, 404)
        return Response(examples.grey(name), media_type="image/jpeg")

    if page:
        from gan_color.web.page import mount_page

        mount_page(app, library, limits)
    return app
