"""thumbor's Pillow engine without its web server: as its service does, every size is a request of its own."""

from functools import cache
from pathlib import Path

from thumbor.config import Config
from thumbor.context import Context
from thumbor.engines.pil import Engine

from infra.bench.engines.protocol import Output, serve

CONTEXT = Context(None, Config(RESPECT_ORIENTATION=True, PILLOW_JPEG_SUBSAMPLING=None), None)


def made(path: str, outputs: list[Output]) -> list[bytes]:
    content = Path(path).read_bytes()
    return [_jpeg(content, Path(path).suffix, output) for output in outputs]


def _jpeg(content: bytes, extension: str, output: Output) -> bytes:
    engine = Engine(CONTEXT)
    engine.load(content, extension)
    engine.reorientate()
    engine.resize(output.width, output.height)
    if output.overlay:
        engine.paste(_overlay(output.overlay), (0, 0))
    engine.strip_icc()
    return bytes(engine.read(".jpg", output.quality))


@cache
def _overlay(path: str) -> Engine:
    overlay = Engine(CONTEXT)
    overlay.load(Path(path).read_bytes(), ".png")
    return overlay


if __name__ == "__main__":
    serve(made)
