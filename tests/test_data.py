"""Every form in which a dataset may lie on disk, and preparation to the last bit."""

import io
import warnings
import zipfile

import lmdb
import numpy as np
import pytest
import torch
from conftest import tarred
from PIL import Image
from torchvision import transforms

from fpa_nb.data import Batches, prepare
from fpa_nb.datasets import DATASETS, find_source
from fpa_nb.datasets import prepare_image

rng = np.random.default_rng(0)


def picture(height=90, width=70, mode="RGB"):
    small = Image.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    return small.convert(mode)


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def put(path, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture()) if content is None else content)


def pack(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, encoded(picture()))


def database(folder, count=3):
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=2**24) as opened, opened.begin(write=True) as view:
        for i in range(count):
            view.put(f"{i:040x}".encode(), encoded(picture(), "WEBP"))


KINDS = ("positives/positives7", "negatives/negatives7")
UNPACKED = ["a.jpg", *(f"SMILEs/{kind}/{i}.jpg" for kind, count in zip(KINDS, (2, 1)) for i in range(count))]
BY_CLASS = ["smiling/1.jpg", "smiling/2.jpg", "not_smiling/1.jpg"]
FLOWERS = ["flower_photos/roses/1.jpg", "flower_photos/roses/2.jpg", "flower_photos/tulips/1.jpg"]
LAYOUTS = {
    "celeba folder": ("celeba", lambda r: [put(r / "img_align_celeba" / f"{i}.jpg") for i in range(3)]),
    "celeba torchvision": ("celeba", lambda r: [put(r / "celeba" / "img_align_celeba" / f"{i}.jpg") for i in range(3)]),
    "celeba archive": (
        "celeba",
        lambda r: pack(r / "img_align_celeba.zip", [f"img_align_celeba/{i}.jpg" for i in range(3)]),
    ),
    "lsun database": ("lsun_church", lambda r: database(r / "church_outdoor_train_lmdb")),
    "lsun database itself": ("lsun_church", lambda r: database(r)),
    "lsun exported": ("lsun_church", lambda r: [put(r / f"{i}.webp") for i in range(3)]),
    "afhq archive": (
        "afhq_cat",
        lambda r: pack(
            r / "afhq.zip",
            [f"afhq/{split}/{kind}/{i}.jpg" for split in ("train", "val") for kind in ("cat", "dog") for i in range(3)],
        ),
    ),
    "afhq unpacked": (
        "afhq_dog",
        lambda r: [
            put(r / "afhq" / split / kind / f"{i}.jpg")
            for split in ("train", "val")
            for kind in ("cat", "dog")
            for i in range(3)
        ],
    ),
    "afhq train": (
        "afhq_wild",
        lambda r: [put(r / "train" / kind / f"{i}.jpg") for kind in ("cat", "wild") for i in range(3)],
    ),
    "afhq classes": ("afhq_cat", lambda r: [put(r / kind / f"{i}.jpg") for kind in ("cat", "wild") for i in range(3)]),
    "afhq alone": ("afhq_cat", lambda r: pack(r / "afhq_cat.zip", [f"{i}.jpg" for i in range(3)])),
    "afhq alone, unpacked": ("afhq_dog", lambda r: [put(r / "afhq_dog" / f"{i}.jpg") for i in range(3)]),
    "afhq exported": ("afhq_cat", lambda r: [put(r / f"{i}.png", encoded(picture(), "PNG")) for i in range(3)]),
    "metfaces": ("metfaces", lambda r: [put(r / "images" / f"{i}.png", encoded(picture(), "PNG")) for i in range(3)]),
    "metfaces archive": ("metfaces", lambda r: pack(r / "images.zip", [f"images/{i}.png" for i in range(3)])),
    "smiles archive": (
        "smiles",
        lambda r: pack(r / "SMILEsmileD-master.zip", [f"SMILEsmileD-master/{name}" for name in UNPACKED]),
    ),
    "smiles unpacked": ("smiles", lambda r: [put(r / "SMILEsmileD" / name) for name in UNPACKED]),
    "smiles packed by class": ("smiles", lambda r: pack(r / "smiles.zip", BY_CLASS)),
    "smiles by class": ("smiles", lambda r: [put(r / "smiles" / name) for name in BY_CLASS]),
    "smiles by class itself": ("smiles", lambda r: [put(r / name) for name in BY_CLASS]),
    "flowers archive": (
        "flowers",
        lambda r: put(r / "flower_photos.tgz", tarred(dict.fromkeys(FLOWERS, encoded(picture())))),
    ),
    "flowers unpacked": ("flowers", lambda r: [put(r / name) for name in FLOWERS]),
    "folder": ("folder", lambda r: [put(r / "a" / "b" / f"{i}.JPG") for i in range(3)]),
}


@pytest.mark.parametrize("name, lay", LAYOUTS.values(), ids=LAYOUTS)
def test_layout(name, lay, tmp_path):
    root = tmp_path / "data"
    if name != "lsun_church":
        root.mkdir()
    lay(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not as many images as the real dataset has
        data = prepare(name, root, 16, cache_dir=tmp_path / "cache")
    assert data.shape == (3, DATASETS[name].channels, 16, 16) and not data.skipped
    assert data.images.std() > 0


NUMBERED = [f"{i}.jpg" for i in range(3)]
ZIPS = {
    "afhq_cat": [f"afhq/train/{kind}/{name}" for kind in ("cat", "dog") for name in NUMBERED],
    "afhq_dog": NUMBERED,
    "afhq_wild": [f"wild/{name}" for name in NUMBERED],
    "celeba": [f"img_align_celeba/{name}" for name in NUMBERED],
    "metfaces": NUMBERED,
    "smiles": [*BY_CLASS, "other/1.jpg"],
}


@pytest.mark.filterwarnings("ignore:.* images; ")
@pytest.mark.parametrize("name", ZIPS)
def test_zip_file_given_itself(name, tmp_path):
    pack(tmp_path / "mine.zip", ZIPS[name])
    assert len(prepare(name, tmp_path / "mine.zip", 16, cache_dir=tmp_path / "cache")) == 3


@pytest.mark.parametrize("name", ["lsun_church", "flowers", "smiles"])
def test_zip_file_that_cannot_be_given_itself(name, tmp_path):
    pack(tmp_path / "mine.zip", NUMBERED)
    with pytest.raises(ValueError, match="cannot be read from .*mine.zip itself: give .*, the folder that it lies in"):
        prepare(name, tmp_path / "mine.zip", 16, cache_dir=tmp_path / "cache")


def test_enlarged_images_are_said_each_time(tmp_path):
    for name, size in {"a": (40, 40), "b": (60, 31), "c": (32, 32)}.items():
        put(tmp_path / "in" / f"{name}.jpg", encoded(picture(*size)))
    for _ in range(2):  # prepared, and taken from what was prepared
        with pytest.warns(UserWarning, match="1 of 3 images in .* are smaller than 32 x 32 pixels: they are enlarged"):
            assert prepare("folder", tmp_path / "in", 32, cache_dir=tmp_path / "cache").enlarged == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prepare("folder", tmp_path / "in", 31, cache_dir=tmp_path / "cache").enlarged == 0


def test_lsun_archive_as_downloaded(tmp_path):
    database(tmp_path / "made" / "church_outdoor_train_lmdb")
    with zipfile.ZipFile(tmp_path / "church_outdoor_train_lmdb.zip", "w") as archive:
        for file in (tmp_path / "made" / "church_outdoor_train_lmdb").iterdir():
            archive.write(file, f"church_outdoor_train_lmdb/{file.name}")
    assert len(find_source("lsun_church", tmp_path).names) == 3
    assert (tmp_path / "church_outdoor_train_lmdb" / "data.mdb").is_file()


@pytest.mark.parametrize("place", ["afhq/train/cat/a.png", "afhq_v2.zip"])
def test_second_version_of_afhq_is_refused(place, tmp_path):
    put(tmp_path / place, encoded(picture(), "PNG"))
    with pytest.raises(ValueError, match="AFHQ version 2"):
        find_source("afhq_cat", tmp_path)


@pytest.mark.parametrize("name", [n for n in DATASETS if n not in ("digits", "folder")])
def test_missing_data_says_what_to_get(name, tmp_path):
    with pytest.raises(ValueError) as error:
        prepare(name, tmp_path, cache_dir=tmp_path / "cache")
    dataset = DATASETS[name]
    assert all(
        part in str(error.value) for part in (str(dataset.images), dataset.page, str(tmp_path), dataset.layouts[0])
    )


def exif_rotated():
    image = picture()
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees when shown
    return encoded(image, exif=exif)


FILES = {
    "jpeg": lambda: encoded(picture()),
    "grey png": lambda: encoded(picture(mode="L"), "PNG"),
    "palette png": lambda: encoded(picture(mode="P"), "PNG"),
    "rgba png": lambda: encoded(picture(mode="RGBA"), "PNG"),
    "webp": lambda: encoded(picture(), "WEBP"),
    "cmyk jpeg": lambda: encoded(picture(mode="CMYK")),
    "smaller than wanted": lambda: encoded(picture(20, 30)),
    "one side smaller": lambda: encoded(picture(20, 300)),
    "very wide": lambda: encoded(picture(65, 1500)),
    "very tall": lambda: encoded(picture(1500, 65)),
    "rotated by exif": exif_rotated,
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
@pytest.mark.parametrize("channels", [3, 1])
def test_preparation_to_the_last_bit(make, channels):
    content = make()
    image = Image.open(io.BytesIO(content)).convert({3: "RGB", 1: "L"}[channels])
    wanted = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64), transforms.PILToTensor()])(image)
    assert torch.equal(torch.from_numpy(prepare_image(Image.open(io.BytesIO(content)), 64, channels)), wanted)


def test_too_many_broken_images(tmp_path):
    for i in range(50):
        put(tmp_path / "img_align_celeba" / f"{i:02d}.jpg", b"broken" if i in (7, 8) else None)
    with pytest.raises(ValueError, match="2 of the 50 images .* cannot be read: 07.jpg"):
        prepare("celeba", tmp_path, 16, cache_dir=tmp_path / "cache")
    with pytest.warns(UserWarning, match="skipped 2 of 50"), pytest.warns(UserWarning, match="has 202599 images"):
        data = prepare("celeba", tmp_path, 16, cache_dir=tmp_path / "cache", broken_allowed=0.05)
    assert len(data) == 48 and [name for name, _ in data.skipped] == ["07.jpg", "08.jpg"]


def test_any_number_of_workers_makes_the_same_bytes(tmp_path):
    for i in range(30):
        put(tmp_path / "photos" / f"{i}.jpg")
    one, many = (prepare("folder", tmp_path / "photos", 16, cache_dir=tmp_path / str(n), workers=n) for n in (1, 8))
    assert one.path.read_bytes() == many.path.read_bytes()


def test_shards_of_prepared_images_do_not_overlap(tmp_path):
    for i in range(40):
        put(tmp_path / "photos" / f"{i}.jpg")
    data = prepare("folder", tmp_path / "photos", 16, cache_dir=tmp_path / "cache")
    shards = [Batches(data, 20, seed=3, shard=(rank, 4)) for rank in range(4)]
    for i in (0, 1, 7):
        assert torch.equal(torch.cat([shard[i] for shard in shards]), Batches(data, 20, seed=3)[i])
