"""Images and what holds them, damaged in every way: what is read, or the documented error, and nothing else."""

import io
import zipfile

import lmdb
import numpy as np
import pytest
from damage import LONG, damaged, long_limit, tries
from hypothesis import given, settings, strategies as st
from PIL import Image, features

from fpa_nb.data import prepare, read_prepared
from fpa_nb.datasets import UnreadableImage, decode_image, image_source, lmdb_source, load_image

pytestmark = long_limit
FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "DDS", "TGA", "PPM", "ICO", "JPEG2000", "PCX", "SGI"]
FORMATS += ["AVIF"] if features.check("avif") else []


def encoded(format, image):
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 31, 3), dtype=np.uint8))
FILES = {format: encoded(format, PHOTO) for format in FORMATS}
FILES |= {"16 bits": encoded("PNG", Image.fromarray(np.full((9, 9), 40_000, np.uint16)))}
FILES |= {"float": encoded("TIFF", Image.fromarray(np.full((9, 9), 0.5, np.float32)))}


@tries
@given(data=st.data())
def test_damaged_image(data):
    content = data.draw(damaged(FILES[data.draw(st.sampled_from(sorted(FILES)))]))
    try:
        image = decode_image(content)
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert image.width * image.height < 2**28


@tries
@given(data=st.data())
def test_damaged_zip(data, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(
        packed, "w", data.draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    ) as archive:
        for name in ("a.png", "in/b.jpg"):
            archive.writestr(name, FILES["PNG"])
    path = tmp_path / "photos.zip"
    path.write_bytes(data.draw(damaged(packed.getvalue())))
    try:
        source = image_source(path)
    except ValueError as error:
        assert "photos.zip" in str(error) and "\n" not in str(error)
        return
    for name in source.names:
        try:
            load_image(source, name)
        except UnreadableImage as error:
            assert str(error)


@settings(tries, max_examples=2000 if LONG else 12)  # each starts a process
@given(data=st.data())
def test_damaged_database(data, tmp_path):
    folder = tmp_path / "db"
    if not folder.exists():
        database = lmdb.open(str(folder), map_size=2**22)
        with database.begin(write=True) as view:
            for i in range(30):
                view.put(f"key{i:02d}".encode(), FILES["PNG"])
        database.close()
        (tmp_path / "whole.mdb").write_bytes((folder / "data.mdb").read_bytes())
    (folder / "data.mdb").write_bytes(data.draw(damaged((tmp_path / "whole.mdb").read_bytes())))
    try:
        source = lmdb_source(folder)
        if source:
            source.check()
    except ValueError as error:
        assert "data.mdb is damaged" in str(error)
        return
    for name in source.names if source else ():
        try:
            load_image(source, name)
        except UnreadableImage as error:
            assert str(error)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared")
    (root / "photos").mkdir()
    for i in range(3):
        PHOTO.rotate(90 * i).save(root / "photos" / f"{i}.png")
    data = prepare("folder", root / "photos", 16, cache_dir=root / "cache")
    return root, data.path.parent, (data.path.parent / "manifest.json").read_bytes(), data.fingerprint


@tries
@given(data=st.data())
@pytest.mark.filterwarnings("ignore:prepared images")
def test_damaged_manifest(data, prepared):
    root, folder, manifest, fingerprint = prepared
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data.draw(damaged(manifest)))
    found = read_prepared(folder)
    assert found is None or found.images.shape == found.shape
    assert found is not None or not folder.exists()
    if found is None:
        again = prepare("folder", root / "photos", 16, cache_dir=root / "cache")
        assert again.fingerprint == fingerprint
