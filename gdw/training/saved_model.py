"""The model to take home: its weights under their own names, and what one needs to use it, in one safetensors file."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from gdw import files
from gdw.data.features import THUMBNAIL, features_of
from gdw.data.folder import pictures_below
from gdw.data.task import Task
from gdw.experiments.experiment import OWN
from gdw.experiments.history import History
from gdw.gradients.outputs import logits_of
from gdw.networks.autocast import Autocast
from gdw.networks.classifiers import build_model
from gdw.pictures.decoding import PictureFiles, read_each
from gdw.pictures.on_disk import OnDisk
from gdw.pictures.pixels import Pixels, grey
from gdw.pictures.pretrained import chosen_size, own_size
from gdw.training import checkpoint

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = "gdw model 1"
SHADES = 255  # the brightest value of a file's pixel
BATCH = 256  # inputs of the model at once
CHANNELS = (1, 3)  # of what a file can be made into


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A trained network, and what one needs to use it.

    Attributes:
        model: maps normalised inputs ``[batch, *input_shape]`` to logits ``[batch, classes]``; in evaluation mode.
        class_names: one for each logit.
        input_shape: (channels, height, width), or (features,) or (coordinates,).
        pixels: ``pixels.normalise(images)`` makes the model's inputs of images as the data set stored them.
        network: of the frozen features that the model was trained on; None for a model of pictures or points.
        network_size: height and width in pixels at which that network sees a picture.
        read_size: height and width at which it was given.
        config: of the run that trained it.
    """

    model: nn.Module
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    pixels: Pixels
    network: str | None
    network_size: int | None
    read_size: tuple[int, int] | None
    config: dict[str, Any]

    def probs(self, images: Shaped[Tensor, "batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Each class's probability, for images (or features) as the data set stored them."""
        like = next(self.model.parameters())
        with torch.no_grad():
            parts = [self.pixels.normalise(part.to(like.device), like.dtype) for part in images.split(BATCH)]
            found = [logits_of(self.model, part).softmax(1).cpu() for part in parts]
        return torch.cat(found) if found else torch.empty(0, len(self.class_names))

    @files.any_name()
    def predict(
        self, folder: str | Path, progress: Callable[[int, int], object] | None = None
    ) -> "tuple[DataFrame, tuple[str, ...]]":
        """What every file with a picture in a folder shows, at any depth.

        Args:
            progress: called with (files done, files in all).

        Returns:
            One row a picture: path, predicted, and the probability of each class as ``p(class)``; and sentences about
            what was passed over, files that cannot be decoded included.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: no picture in it that can be decoded; a model of points.
        """
        import pandas as pd

        folder = Path(folder).expanduser()
        if self.network is None and (len(self.input_shape) != 3 or self.input_shape[0] not in CHANNELS):
            raise ValueError(f"this model takes inputs of the shape {self.input_shape}, which no picture's file has")
        files, notes = pictures_below(folder)
        probs, places, broken = self._of_features(files, progress) if self.network else self._of_files(files, progress)
        if broken:
            notes = (*notes, f"passed over {len(broken)} broken pictures (first: {next(iter(broken.values()))})")
        if not places:
            raise ValueError(f"{folder} has no picture that can be decoded: {'; '.join(notes)}")
        table = pd.DataFrame(probs.double().numpy(), columns=[f"p({name})" for name in self.class_names])
        table.insert(0, "predicted", [self.class_names[best] for best in probs.argmax(1)])
        table.insert(0, "path", [files[place].relative_to(folder).as_posix() for place in places])
        return table, notes

    def _of_files(self, files: list[Path], progress: Any) -> tuple[Tensor, list[int], dict[int, str]]:
        channels, height, width = self.input_shape
        by_shade = replace(self, pixels=replace(self.pixels, scale=SHADES))
        probs, places, broken = list[Tensor](), list[int](), dict[int, str]()
        for good, colour, bad in read_each(files, (height, width)):
            probs.append(by_shade.probs(grey(colour) if channels == 1 else colour))
            places += good
            broken |= bad
            if progress is not None:
                progress(len(places) + len(broken), len(files))
        return torch.cat(probs), places, broken

    def _of_features(self, files: list[Path], progress: Any) -> tuple[Tensor, list[int], dict[int, str]]:
        if self.network is None or self.network_size is None or self.read_size is None:
            raise TypeError("a model of pictures has no features")
        images = OnDisk.all_of(PictureFiles(files, self.read_size))
        features, places, broken = features_of(images, self.network, self.network_size, progress)
        if not places:
            return torch.empty(0, len(self.class_names)), places, broken
        return replace(self, pixels=replace(self.pixels, views=False)).probs(torch.from_numpy(features)), places, broken


def save_model(path: str | Path, model: nn.Module, task: Task, history: History) -> None:
    """Write a trained network with all that :func:`load_model` needs, all at once."""
    config = history.config
    about = {
        "class_names": task.class_names, "input_shape": task.input_shape, "pixels": asdict(task.pixels),
        "config": config, **_features_of(config, task),
    }  # fmt: skip
    inner = model.model if isinstance(model, Autocast) else model
    tensors = {name: checkpoint.own_copy(value) for name, value in inner.state_dict().items()}
    checkpoint.write_tensors(path, FORMAT, json.dumps(about), tensors)


def _features_of(config: dict[str, Any], task: Task) -> dict[str, Any]:
    """The frozen network, and the sizes at which it was shown a picture."""
    network = config.get("features")
    if network is None or task.pictures is None:
        return {"network": None, "network_size": None, "read_size": None}
    height, width = task.pictures.shape[2:]
    size = chosen_size(network, (height, width), config.get("features_size")) or own_size(network)
    small_copies = not isinstance(task.pictures, OnDisk) and max(height, width) == THUMBNAIL
    return {"network": network, "network_size": size, "read_size": (size, size) if small_copies else (height, width)}


def load_tensors(path: str | Path) -> tuple[str, dict[str, Tensor]]:
    """What a saved model's file says in words, as JSON, and its weights; ``ValueError`` for any other file."""
    return checkpoint.read_tensors(path, FORMAT, "a saved model")


def load_model(path: str | Path, model: nn.Module | None = None) -> SavedModel:
    """What ``gdw run --save-model`` or ``Training.save_model`` wrote, on the CPU; nothing in the file is run.

    Args:
        path: the file.
        model: the network that gets the weights, where it was an object of your own.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a saved model, is damaged, or has the weights of another network.
    """
    text, tensors = load_tensors(path)
    try:
        about = json.loads(text)
        names, config = tuple(map(str, about["class_names"])), dict(about["config"])
        shape, own = tuple(map(int, about["input_shape"])), "model" in dict(config.get(OWN, {}))
        stored: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in about["pixels"].items()}
        pixels = Pixels(**stored)
        pixels.normalise(torch.zeros(1, *((1,) if pixels.views else ()), *shape))
        network, network_size, read_size = about["network"], about["network_size"], about["read_size"]
        read_size = read_size and tuple(map(int, read_size))
        named = "" if own else str(config["model"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, RuntimeError):
        raise ValueError(f"{path} is not a saved model: its content cannot be understood") from None
    if model is None and own:
        raise ValueError(f"{path} was trained with a network of your own: give load_model(path, model=...) one like it")
    model = model or build_model(named, shape, len(names), torch.Generator())
    first = next((value.dtype for value in tensors.values() if value.is_floating_point()), torch.float32)
    try:
        model.to(first).load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} has the weights of another network: {reason}") from None
    return SavedModel(model.eval(), names, shape, pixels, network, network_size, read_size, config)
