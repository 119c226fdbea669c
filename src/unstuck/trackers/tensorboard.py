"""TensorBoard: event files, `tensorboard --logdir runs/tensorboard` shows all runs beside each other."""

import importlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image


class TensorBoard:
    """Event files in FOLDER/NAME, by tensorboard's own writer: it needs neither torch nor TensorFlow."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str]) -> None:
        writer: Any = importlib.import_module("tensorboard.summary.writer.event_file_writer")
        self._event: Any = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
        self._writer: Any = writer.EventFileWriter(str(folder / name))
        self._step = 0
        lines = "".join(f"| {key} | {value} |\n" for key, value in settings.items())
        self._text("recipe", f"| key | value |\n|---|---|\n{lines}")

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """A scalar each."""
        self._step = max(self._step, step)
        self._add(step, [{"tag": name, "simple_value": value} for name, value in values.items()])

    def finish(self, scores: Mapping[str, float], pictures: Sequence[Path], stop: str) -> None:
        """Scores as scalars, figures as images."""
        self._add(self._step, [{"tag": f"score/{name}", "simple_value": value} for name, value in scores.items()])
        for path in pictures:
            with Image.open(path) as image:
                width, height = image.size
            shown = {"width": width, "height": height, "colorspace": 3, "encoded_image_string": path.read_bytes()}
            self._add(self._step, [{"tag": path.stem, "image": shown}])
        self._text("stop", stop)
        self._writer.close()

    def _text(self, tag: str, text: str) -> None:
        metadata = {"plugin_data": {"plugin_name": "text"}}
        tensor = {"dtype": "DT_STRING", "string_val": [text.encode()]}
        self._add(self._step, [{"tag": tag, "metadata": metadata, "tensor": tensor}])

    def _add(self, step: int, values: list[dict[str, Any]]) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary={"value": values}))
