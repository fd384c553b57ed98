"""Small archives in the published format, made here; the published sizes and checksums are data, replaced by theirs."""

import hashlib
import io
import pickle
import socket
import struct
import tarfile
import zipfile
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sim.data.archives import ARCHIVES, CIFAR10, CIFAR100, TINY_IMAGENET, read_archive
from sim.network import Classification
from theory.errors import OnemergeError


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2's cPickle wrote for the published batches: byte strings, and numpy's module of then."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, text):
        data = text if isinstance(text, bytes) else text.encode("latin-1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(text)

    def save_global(self, value, name=None):
        module, name = value.__module__, value.__name__
        self.write(pickle.GLOBAL + f"{module.replace('numpy._core', 'numpy.core')}\n{name}\n".encode())
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string
    dispatch[type(np.empty(0).__reduce__()[0])] = dispatch[type] = save_global


def python2_pickle(value):
    out = io.BytesIO()
    Python2Pickler(out, protocol=2).dump(value)
    return out.getvalue()


def publish(folder, archive, data):
    """Write the archive's bytes; returns its record with the size and the checksum that are theirs."""
    (folder / archive.file).write_bytes(data)
    return replace(archive, size=len(data), md5=hashlib.md5(data).hexdigest())


def tar_gz(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = len(data or b"")
            tar.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def jpeg(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


SMALL = {
    "cifar10": replace(CIFAR10, train=10, test=2),
    "cifar100": replace(CIFAR100, train=2, test=1),
    "tiny_imagenet": replace(TINY_IMAGENET, classes=3, train=2, test=1),
}


def cifar_batches(archive):
    """{member: batch} with labels in a shuffled order over the parts, and random pixels."""
    generator = np.random.default_rng(0)
    train = generator.permutation(np.repeat(np.arange(archive.classes), archive.train))
    test = generator.permutation(np.repeat(np.arange(archive.classes), archive.test))
    parts = [*np.array_split(train, len(archive.parts) - 1), test]
    return {
        f"{archive.root}/{part}": {
            b"batch_label": b"of the small archive",
            archive.labels: [int(label) for label in labels],
            b"data": generator.integers(0, 256, (len(labels), 3072), dtype=np.uint8),
        }
        for part, labels in zip(archive.parts, parts, strict=True)
    }


def cifar_members(archive):
    batches = {name: python2_pickle(batch) for name, batch in cifar_batches(archive).items()}
    return {f"{archive.root}/readme.html": b"<html>", **batches}


IDS = ["n03", "n01", "n02"]


def tiny_pixels(name):
    """A smooth picture that JPEG keeps well; number 1 of a class is gray."""
    generator = np.random.default_rng(list(name.encode()))
    ramp = np.linspace(0, 1, 64)
    picture = 128 + 100 * (generator.uniform(-1, 1, 3) * ramp[:, None, None] * ramp[None, :, None])
    return (picture[..., 0] if name.endswith("_1.JPEG") else picture).astype(np.uint8)


def tiny_members(archive):
    root = f"{archive.root}/"
    train = [f"train/{i}/images/{i}_{k}.JPEG" for i in IDS for k in range(archive.train)]
    lines = [f"val_{k}.JPEG\t{i}\t0\t0\t62\t62" for k, i in enumerate(IDS)]
    members = {root + name: jpeg(tiny_pixels(name)) for name in train}
    members |= {f"{root}val/images/val_{k}.JPEG": jpeg(tiny_pixels(f"val_{k}")) for k in range(3)}
    members[root + "wnids.txt"] = "\n".join(IDS).encode() + b"\n"
    members[root + "val/val_annotations.txt"] = "\n".join(lines).encode() + b"\n"
    return members


def members_of(name):
    return (tiny_members if name == "tiny_imagenet" else cifar_members)(SMALL[name])


def packed(name, members):
    return (zipped if name == "tiny_imagenet" else tar_gz)(members)


def refused(folder, archive):
    with pytest.raises(OnemergeError) as error:
        read_archive(str(folder), archive)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert archive.file in text
    return text


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_as_it_was_written(tmp_path, name):
    """Image by image: the bytes of every row are found under their label, red plane first."""
    archive = publish(tmp_path, SMALL[name], tar_gz(cifar_members(SMALL[name])))
    images = read_archive(str(tmp_path), archive)
    batches = list(cifar_batches(archive).values())
    for x, y, parts, samples in (
        (images.train_x, images.train_y, batches[:-1], archive.train),
        (images.test_x, images.test_y, batches[-1:], archive.test),
    ):
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert y.tolist() == sorted(y.tolist())
        rows = [(label, row) for b in parts for label, row in zip(b[archive.labels], b[b"data"], strict=True)]
        rows.sort(key=lambda pair: pair[0])  # stable, as the archive's order within a class is kept
        assert len(rows) == len(x) == samples * archive.classes
        for image, label, (expected, row) in zip(x, y, rows, strict=True):
            assert label == expected
            assert image[1, 2, 3] == np.float32(row[1024 + 2 * 32 + 3]) / np.float32(255)
            np.testing.assert_array_equal(np.rint(image * 255).astype(np.uint8).ravel(), row)
    assert images.classes == archive.classes
    assert read_archive(str(tmp_path), archive) is images


def test_tiny_imagenet_is_read_as_pillow_decodes_it(tmp_path):
    archive = publish(tmp_path, SMALL["tiny_imagenet"], zipped(tiny_members(SMALL["tiny_imagenet"])))
    images = read_archive(str(tmp_path), archive)
    assert images.train_x.shape == (6, 3, 64, 64)
    assert images.test_x.shape == (3, 3, 64, 64)
    assert images.train_y.tolist() == [0, 0, 1, 1, 2, 2]
    for label, i in enumerate(sorted(IDS)):
        for k in range(2):
            pixels = tiny_pixels(f"train/{i}/images/{i}_{k}.JPEG") / 255
            image = images.train_x[2 * label + k]
            expected = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else np.stack([pixels] * 3)
            assert np.abs(image - expected).max() < 0.05
            assert (np.ptp(image, axis=0).max() == 0) == (k == 1)
        expected = np.moveaxis(tiny_pixels(f"val_{IDS.index(i)}"), -1, 0) / 255
        assert np.abs(images.test_x[label] - expected).max() < 0.05


def test_a_run_is_built_on_an_archive(tmp_path, monkeypatch):
    archive = publish(tmp_path, SMALL["cifar10"], tar_gz(cifar_members(SMALL["cifar10"])))
    monkeypatch.setattr("sim.data.sets.read_archive", lambda folder, known: read_archive(folder, SMALL[known.name]))
    monkeypatch.setitem(SMALL, "cifar10", archive)
    problem = Classification(data="cifar10", model="cnn", width=2, folder=str(tmp_path)).build(2, (0,), 4)
    assert problem.train_x.shape == (100, 3, 32, 32)
    assert next(problem.batches(0, 1))[0].shape == (2, 4, 3, 32, 32)


def test_the_published_table():
    """Sizes by the pages of the archives; checksums as their readers state them."""
    assert {(a.file, a.size, a.md5) for a in ARCHIVES.values()} == {
        ("cifar-10-python.tar.gz", 170498071, "c58f30108f718f92721af3b95e74349a"),
        ("cifar-100-python.tar.gz", 169001437, "eb9058c3a382ffc7106e4002c42a8d85"),
        ("tiny-imagenet-200.zip", 248100043, "90528d7ca1a48142e341f4ef8d21d0de"),
    }
    assert [a.classes * a.train for a in ARCHIVES.values()] == [50000, 50000, 100000]
    assert [a.classes * a.test for a in ARCHIVES.values()] == [10000, 10000, 10000]


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_missing_file_or_folder_says_what_belongs_where(tmp_path, name):
    archive = ARCHIVES[name]
    text = refused(tmp_path, archive)
    assert text.startswith(f"{tmp_path / archive.file} is missing: put there {archive.file}, from ")
    assert f"{archive.size:,} bytes" in text
    with pytest.raises(
        OnemergeError, match=f"data '{name}' needs the folder that holds {archive.file}, from .*`folder`"
    ):
        Classification(data=name).build(2, (0,), 1)


@pytest.mark.parametrize("name", ARCHIVES)
def test_truncated_and_changed_files_are_refused(tmp_path, name):
    data = packed(name, members_of(name))
    archive = publish(tmp_path, SMALL[name], data)
    (tmp_path / archive.file).write_bytes(data[:-7])
    assert f"has {len(data) - 7:,} bytes, the published archive {len(data):,}" in refused(tmp_path, archive)
    (tmp_path / archive.file).write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert f"the published archive {archive.md5}: it is damaged" in refused(tmp_path, archive)
    assert "cannot be read" in refused(tmp_path, publish(tmp_path, archive, data[: len(data) // 2]))
    assert "cannot be read" in refused(tmp_path, publish(tmp_path, archive, b""))
    assert "cannot be read" in refused(tmp_path, publish(tmp_path, archive, b"no archive at all"))


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_member_that_is_needed_is_missed_by_name(tmp_path, name):
    members = members_of(name)
    for left_out in members:
        if not left_out.endswith("readme.html"):
            rest = {member: data for member, data in members.items() if member != left_out}
            archive = publish(tmp_path, SMALL[name], packed(name, rest))
            assert refused(tmp_path, archive) == f"{tmp_path / archive.file} has no file {left_out}."


@pytest.mark.parametrize("name", ["cifar100", "tiny_imagenet"])
@pytest.mark.parametrize("bad", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
def test_members_that_point_elsewhere_are_refused(tmp_path, name, bad):
    archive = publish(tmp_path, SMALL[name], packed(name, members_of(name) | {bad: b"x"}))
    assert f"a member {bad!r} that points out of its folder" in refused(tmp_path, archive)
    assert [path.name for path in tmp_path.iterdir()] == [archive.file]


def test_a_link_is_no_batch(tmp_path):
    archive = publish(tmp_path, CIFAR100, tar_gz({"cifar-100-python/train": None, "cifar-100-python/test": b""}))
    assert refused(tmp_path, archive).endswith("has no file cifar-100-python/train.")


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def changed_batch(**changes):
    batch = cifar_batches(SMALL["cifar100"])["cifar-100-python/test"]
    return python2_pickle({key: value for key, value in (batch | changes_of(changes)).items() if value is not None})


def changes_of(changes):
    return {name.encode(): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (pickle.dumps(Evil(), protocol=2), "a pickle asks for __builtin__.exec, which no array needs: it is not read"),
        (pickle.dumps(io.BytesIO, protocol=2), "a pickle asks for _io.BytesIO"),
        (b"", "is no pickle of arrays (EOFError)"),
        (b"\x80\x02}q", "is no pickle of arrays"),
        (b"garbage", "is no pickle of arrays"),
        (python2_pickle([1, 2]), "has no entries data and fine_labels"),
        (changed_batch(data=None), "has no entries data and fine_labels"),
        (changed_batch(data=[1]), "must hold uint8 images of shape [N, 3072], not list"),
        (changed_batch(data=np.zeros((100, 3071), np.uint8)), "[N, 3072], not uint8 of shape [100, 3071]"),
        (changed_batch(data=np.zeros((100, 3072), np.float32)), "[N, 3072], not float32 of shape [100, 3072]"),
        (changed_batch(data=np.zeros((99, 3072), np.uint8)), "has 99 images and 100 labels"),
        (changed_batch(fine_labels=[100] * 100), "must hold a list of labels from 0 to 99"),
        (changed_batch(fine_labels=[-1] * 100), "must hold a list of labels from 0 to 99"),
        (changed_batch(fine_labels=[0.0] * 100), "must hold a list of labels from 0 to 99"),
        (changed_batch(fine_labels=7), "must hold a list of labels from 0 to 99"),
        (changed_batch(fine_labels=[1, *range(1, 100)]), "has 0 test images of class 0, not 1"),
    ],
)
def test_bad_batches_are_named_and_never_run(tmp_path, data, named):
    members = cifar_members(SMALL["cifar100"]) | {"cifar-100-python/test": data}
    assert named in refused(tmp_path, publish(tmp_path, SMALL["cifar100"], tar_gz(members)))


ROOT = "tiny-imagenet-200/"
IMAGE = ROOT + "train/n02/images/n02_0.JPEG"
NOTES = ROOT + "val/val_annotations.txt"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({IMAGE: jpeg(np.zeros((32, 64), np.uint8))}, "n02_0.JPEG must have 64×64 pixels, not 64×32"),
        ({IMAGE: jpeg(np.zeros((64, 64), np.uint8))[:-200]}, "n02_0.JPEG is no whole JPEG"),
        ({IMAGE: b"\x89PNG"}, "n02_0.JPEG is no whole JPEG"),
        ({ROOT + "wnids.txt": b"n01\nn02\n"}, "wnids.txt names 2 classes, not 3"),
        ({NOTES: b"val_0.JPEG\tn09\t0\n"}, "has a line without a known class: ['val_0.JPEG', 'n09']"),
        ({NOTES: b"val_0.JPEG\n"}, "has a line without a known class: ['val_0.JPEG']"),
        ({NOTES: b"val_0.JPEG\tn01\nval_0.JPEG\tn02\n"}, "val_annotations.txt names an image twice"),
        ({NOTES: b"val_0.JPEG\tn01\nval_1.JPEG\tn02\n"}, "has 0 test images of class 2, not 1"),
        ({NOTES: b"../../wnids.txt\tn01\n"}, "has no file tiny-imagenet-200/val/images/../../wnids.txt"),
    ],
)
def test_bad_members_of_tiny_imagenet_are_named(tmp_path, changes, named):
    data = zipped(tiny_members(SMALL["tiny_imagenet"]) | changes)
    assert named in refused(tmp_path, publish(tmp_path, SMALL["tiny_imagenet"], data))
