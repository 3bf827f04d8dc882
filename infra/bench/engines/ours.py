"""Our renderer as `on_upload` calls it, with what only it does for the same time: container checks, EXIF, a SHA-256 of
each size, BlurHash, difference hash and dominant colour."""

from pathlib import Path

from chalicelib.media import service
from chalicelib.media.model import Watermark
from infra.bench.engines.protocol import Output, serve

WATERMARK = Watermark("ThePixStock")


def made(path: str, outputs: list[Output]) -> list[bytes]:
    watermark = WATERMARK if any(output.overlay for output in outputs) else Watermark()
    rendering = service.render(Path(path), service.inspect(Path(path)), watermark)
    return [rendition.content for rendition in rendering.renditions]


if __name__ == "__main__":
    serve(made)
