# `gan-color serve` on the CPU, with the model that ships with the package:
#   docker build -t gan-color . && docker run --rm -p 7860:7860 gan-color
# Further models: -v "$PWD/runs:/models:ro" and `--models /models` after the image's name.
FROM python:3.12-slim

RUN pip install --no-cache-dir "uv>=0.9,<1"
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY gan_color gan_color
COPY scrapers scrapers
COPY configs configs
COPY train_gan.py ./
RUN uv pip install --system --no-cache --compile-bytecode ".[web,heic]"

RUN useradd --system --no-create-home serve
USER serve
ENV OMP_WAIT_POLICY=PASSIVE
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/api/health', timeout=4)"]
# Ctrl-C and `docker stop` answer what is under way with 503 and end within ten seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["gan-color", "serve", "--host", "0.0.0.0"]
