"""CIFAR-10, CIFAR-100 and Tiny ImageNet from their published archives, in a folder that the user names.

Nothing is downloaded and nothing is unpacked to disk. An archive is read only if its size and its MD5 are the published
ones. CIFAR's batches are pickles: they are read by an unpickler that can make arrays and plain values and nothing else.
Sources: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"; Le and Yang 2015, "Tiny ImageNet
Visual Recognition Challenge" (its test set has no labels: its validation set is the test set here, as is usual; its
pixels are those of the installed libjpeg, whose versions may differ by a level of 255).
"""

import hashlib
import io
import pickle
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from sim.data.images import Images
from theory.errors import OnemergeError, require


@dataclass(frozen=True)
class Archive:
    """A published archive: `file` of `size` bytes, from the page that `page` names; `train` and `test` images a class.

    CIFAR has the members `root`/`parts` with labels under the key `labels`, the last part being the test set.
    """

    name: str
    title: str
    file: str
    size: int
    md5: str
    page: str
    classes: int
    side: int
    train: int
    test: int
    root: str
    parts: tuple = ()
    labels: bytes = b""


CIFAR10 = Archive(
    name="cifar10",
    title="CIFAR-10",
    file="cifar-10-python.tar.gz",
    size=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
    page="Alex Krizhevsky's page 'The CIFAR-10 dataset' (python version)",
    classes=10, side=32, train=5000, test=1000,
    root="cifar-10-batches-py",
    parts=(*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"),
    labels=b"labels",
)  # fmt: skip
CIFAR100 = Archive(
    name="cifar100",
    title="CIFAR-100",
    file="cifar-100-python.tar.gz",
    size=169_001_437,
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    page="Alex Krizhevsky's page 'The CIFAR-100 dataset' (python version)",
    classes=100, side=32, train=500, test=100,
    root="cifar-100-python",
    parts=("train", "test"),
    labels=b"fine_labels",
)  # fmt: skip
TINY_IMAGENET = Archive(
    name="tiny_imagenet",
    title="Tiny ImageNet",
    file="tiny-imagenet-200.zip",
    size=248_100_043,
    md5="90528d7ca1a48142e341f4ef8d21d0de",
    page="the Tiny ImageNet page of Stanford's course CS231n",
    classes=200, side=64, train=500, test=50,
    root="tiny-imagenet-200",
)  # fmt: skip
ARCHIVES = {archive.name: archive for archive in (CIFAR10, CIFAR100, TINY_IMAGENET)}


@lru_cache(maxsize=1)  # Tiny ImageNet takes 5.4 GB as float32
def read_archive(folder, archive):
    """The Images of an archive in `folder`; classes of Tiny ImageNet are its WordNet ids in alphabetical order."""
    what = f"{archive.file}, from {archive.page}, {archive.size:,} bytes"
    require(folder is not None, f"data {archive.name!r} needs the folder that holds {what}: name it by `folder`.")
    path = Path(folder).expanduser() / archive.file
    require(path.is_file(), f"{path} is missing: put there {what} (nothing is downloaded).")
    try:
        with path.open("rb") as file:
            check_sum(file, path, archive)
            parts = (tiny_parts if archive.file.endswith(".zip") else cifar_parts)(file, path, archive)
    # A damaged archive may show in any layer: gzip, deflate, tar, zip (encrypted: RuntimeError), the disk.
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError) as error:
        raise OnemergeError(f"{path} cannot be read ({error}): copy {archive.file} again.") from None
    (train_x, train_y), (test_x, test_y) = (
        sorted_by_class(path, archive.classes, samples, what, *part)
        for samples, what, part in zip((archive.train, archive.test), ("training", "test"), parts, strict=True)
    )
    return Images(archive.title, archive.classes, train_x, train_y, test_x, test_y)


def check_sum(file, path, archive):
    """Refuse any file but the published one; leaves `file` at its start."""
    size = file.seek(0, io.SEEK_END)
    require(
        size == archive.size,
        f"{path} has {size:,} bytes, the published archive {archive.size:,}: it is truncated or another file; "
        f"copy it again from {archive.page}.",
    )
    file.seek(0)
    md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    require(
        md5 == archive.md5,
        f"{path} has the MD5 {md5}, the published archive {archive.md5}: it is damaged or another file; "
        f"copy it again from {archive.page}.",
    )
    file.seek(0)


def check_names(names, path):
    """No member may point out of the archive's own folder, although nothing is unpacked."""
    for name in names:
        inside = not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts and "\\" not in name
        require(inside, f"{path} has a member {name!r} that points out of its folder: it is not read.")


def sorted_by_class(path, classes, samples, what, x, y):
    """(x float32 in [0, 1], y int64), sorted by class, of bytes x [N, 3, side, side] with `samples` of every class."""
    count = np.bincount(y, minlength=classes)
    for label in np.flatnonzero(count != samples):
        raise OnemergeError(f"{path} has {count[label]} {what} images of class {label}, not {samples}.")
    order = np.argsort(y, kind="stable")
    return np.divide(x[order], np.float32(255), dtype=np.float32), y[order]


def _array_type(kind, align=False, copy=False):
    """numpy.dtype as old pickles call it, with 0 and 1 for booleans."""
    return np.dtype(kind, align=bool(align), copy=bool(copy))


RECONSTRUCT = np.empty(0).__reduce__()[0]  # has another module in numpy 1 and 2
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _array_type,
}


class ArrayUnpickler(pickle.Unpickler):
    """Arrays, numbers, bytes, lists and dicts; any other name in a pickle is an error before it is looked up."""

    def find_class(self, module, name):
        require((module, name) in ALLOWED, f"a pickle asks for {module}.{name}, which no array needs: it is not read.")
        return ALLOWED[module, name]


def unpickle(data, name):
    """The value of a Python 2 pickle of arrays, with its strings as bytes."""
    try:
        return ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except OnemergeError as error:
        raise OnemergeError(f"{name}: {error}") from None
    except Exception as error:  # a malformed pickle raises nearly anything
        raise OnemergeError(f"{name} is no pickle of arrays ({type(error).__name__}).") from None


def cifar_parts(file, path, archive):
    """((x, y) of training, (x, y) of test): x bytes [N, 3, side, side], y int64 [N], in the archive's order."""
    names = [f"{archive.root}/{part}" for part in archive.parts]
    found = {}
    with tarfile.open(fileobj=file, mode="r:gz") as tar:
        for member in tar:
            check_names([member.name], path)
            if member.name in names and member.isreg():
                found[member.name] = tar.extractfile(member).read()
    for name in names:
        require(name in found, f"{path} has no file {name}.")
    parts = [cifar_part(found[name], f"{path}: {name}", archive) for name in names]
    train = tuple(np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return train, parts[-1]


def cifar_part(data, name, archive):
    """(x, y) of one pickled batch: rows of 3 side² bytes, red first, row by row; and a list of labels."""
    batch, pixels = unpickle(data, name), 3 * archive.side**2
    whole = isinstance(batch, dict) and {b"data", archive.labels} <= batch.keys()
    require(whole, f"{name} has no entries data and {archive.labels.decode()}.")
    x, labels = batch[b"data"], batch[archive.labels]
    fits = isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim == 2 and x.shape[1] == pixels
    found = f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
    require(fits, f"{name} must hold uint8 images of shape [N, {pixels}], not {found}.")
    whole = isinstance(labels, list) and all(type(label) is int and 0 <= label < archive.classes for label in labels)
    require(whole, f"{name} must hold a list of labels from 0 to {archive.classes - 1}.")
    require(len(labels) == len(x), f"{name} has {len(x)} images and {len(labels)} labels.")
    return x.reshape(-1, 3, archive.side, archive.side), np.array(labels, dtype=np.int64)


def tiny_parts(file, path, archive):
    """As `cifar_parts`, of JPEGs: train/<id>/images/<id>_<k>.JPEG, and those that val/val_annotations.txt names."""
    with zipfile.ZipFile(file) as archived:
        members = set(archived.namelist())
        check_names(members, path)

        def read(name):
            require(f"{archive.root}/{name}" in members, f"{path} has no file {archive.root}/{name}.")
            return archived.read(f"{archive.root}/{name}")

        ids = sorted(set(read("wnids.txt").decode("ascii", "replace").split()))
        require(len(ids) == archive.classes, f"{path}: wnids.txt names {len(ids)} classes, not {archive.classes}.")
        train = [(f"train/{i}/images/{i}_{k}.JPEG", label) for label, i in enumerate(ids) for k in range(archive.train)]
        rows = [line.split("\t") for line in read("val/val_annotations.txt").decode("ascii", "replace").splitlines()]
        for row in rows:
            known = len(row) >= 2 and row[1] in ids
            require(known, f"{path}: val_annotations.txt has a line without a known class: {row[:2]}.")
        test = [(f"val/images/{row[0]}", ids.index(row[1])) for row in rows]
        require(len({name for name, _ in test}) == len(test), f"{path}: val_annotations.txt names an image twice.")
        parts = []
        for listed in (train, test):
            x = np.empty((len(listed), 3, archive.side, archive.side), dtype=np.uint8)
            for image, (name, _) in zip(x, listed, strict=True):
                image[:] = decode(read(name), f"{path}: {name}", archive.side)
            parts.append((x, np.array([label for _, label in listed], dtype=np.int64)))
    return tuple(parts)


def decode(data, name, side):
    """A JPEG as bytes [3, side, side]; gray ones (Tiny ImageNet has some) as three equal channels."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            size = image.size
            require(size == (side, side), f"{name} must have {side}×{side} pixels, not {size[0]}×{size[1]}.")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise OnemergeError(f"{name} is no whole JPEG.") from None
