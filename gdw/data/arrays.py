"""Images and labels as people have them (tensors, numpy arrays, lists) as the tensors that a Dataset holds."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from gdw.errors import unknown

MOST_CHANNELS = 4  # grey, grey with transparency, colour, colour with transparency
BRIGHTEST = 255
WANTED_IMAGES = (
    "images must be uint8 [images, channels, height, width], or float32 of that shape or [images, coordinates]"
)


def as_images(images, what: str) -> Shaped[Tensor, "images *shape"]:
    """uint8 or float32, with channels first.

    Whole numbers in 0 ... 255 become uint8, real numbers float32. ``[N, H, W]`` of whole numbers are grey pictures
    and get a channel. ``[N, H, W, C]`` is known by a last length of at most 4 after a second one of more than 4.

    Args:
        images: a tensor, an array, or a list of them.
        what: begins the error messages.

    Raises:
        ValueError: anything else; says what is wanted and what was given.
    """
    tensor = _tensor(images, f"{what} {WANTED_IMAGES}")
    if tensor.ndim < 2:
        raise ValueError(f"{what} {WANTED_IMAGES}, got shape {tuple(tensor.shape)}")
    tensor = _as_uint8_or_float32(tensor, what)
    if tensor.ndim == 3 and tensor.dtype == torch.uint8:
        return tensor.unsqueeze(1)
    if tensor.ndim == 4 and tensor.shape[3] <= MOST_CHANNELS < tensor.shape[1]:
        return tensor.permute(0, 3, 1, 2).contiguous()
    return tensor


def as_labels(labels, class_names: Sequence[str], what: str) -> Int[Tensor, "images"]:
    """int64 [images], from whole numbers of any type or from names of classes.

    Raises:
        ValueError: another shape (one-hot rows, say), fractions, an unknown name.
    """
    wanted = f"{what} labels must be whole numbers, int64 [images]"
    if not isinstance(labels, Tensor):
        labels = _array(labels, wanted)
        if labels.dtype.kind in "US":
            labels = _numbers(labels, class_names, what)
    tensor = _tensor(labels, wanted)
    if tensor.ndim != 1:
        raise ValueError(f"{wanted}, got shape {tuple(tensor.shape)}")
    if tensor.is_complex() or (tensor.is_floating_point() and not torch.equal(tensor, tensor.round())):
        raise ValueError(f"{wanted}, got {_name(tensor)} with fractions")
    return tensor.long()


def native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order, in a type that torch has, in memory that is its own if it must be."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.longdouble and array.dtype != np.float64:
        array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()
    return array


def _as_uint8_or_float32(tensor: Tensor, what: str) -> Tensor:
    if tensor.is_complex():
        raise ValueError(f"{what} {WANTED_IMAGES}, got {_name(tensor)}")
    if tensor.is_floating_point():
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{what} images must be finite, found NaN or infinity")
        return tensor.float()
    if tensor.dtype in (torch.uint8, torch.bool):
        return tensor.to(torch.uint8)
    whole = tensor.long()  # torch has no minimum of uint16
    if whole.numel() and not (int(whole.min()) >= 0 and int(whole.max()) <= BRIGHTEST):
        raise ValueError(
            f"{what} images of whole numbers must lie in 0 ... {BRIGHTEST}, got {_name(tensor)} from "
            f"{int(whole.min())} to {int(whole.max())}: divide them by their largest value and give float32"
        )
    return whole.to(torch.uint8)


def _tensor(values, wanted: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    array = _array(values, wanted)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{wanted}, got {array.dtype}")
    return torch.from_numpy(native(array))


def _array(values, wanted: str) -> np.ndarray:
    if isinstance(values, list | tuple) and any(isinstance(value, Tensor) for value in values):
        values = [value.detach().cpu().numpy() if isinstance(value, Tensor) else value for value in values]
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # rows of several lengths
        raise ValueError(f"{wanted}, got a {type(values).__name__} of several shapes") from error
    if array.dtype == object and all(isinstance(value, str) for value in array.flat):
        array = array.astype(str)  # as pandas keeps words
    return array


def _numbers(names: np.ndarray, class_names: Sequence[str], what: str) -> np.ndarray:
    number = {name: label for label, name in enumerate(class_names)}
    words = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.flat]
    for word in words:
        if word not in number:
            raise unknown(f"class in the {what} labels", word, class_names)
    return np.array([number[word] for word in words], np.int64).reshape(names.shape)


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
