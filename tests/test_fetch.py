"""Downloads from servers on this machine that misbehave, and what is left after a kill."""

import contextlib
import dataclasses
import hashlib
import io
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import numpy as np
import pytest
from conftest import tarred
from PIL import Image

import fpa_nb.data
from fpa_nb.data import prepare
from fpa_nb.datasets import DATASETS, download, find_source
from fpa_nb.datasets import load_image
from fpa_nb.files import DownloadError, fetch

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Server(ThreadingHTTPServer):
    """Serves `content`; `behave(handler, request_number)` may answer in its own way and return True."""

    def __init__(self, behave=lambda handler, number: False, content=CONTENT, ranges=True):
        self.behave, self.content, self.ranges, self.requests, self.etag = behave, content, ranges, [], '"one"'
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data.zip"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *args):
        pass

    def send(self, code, body, length=None, **headers):
        self.send_response(code)
        for name, value in (
            {"Content-Length": len(body) if length is None else length, "ETag": self.server.etag} | headers
        ).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers.get("Range"))
        if server.behave(self, len(server.requests)):
            return
        wanted, content = self.headers.get("Range"), server.content
        fits = self.headers.get("If-Range", server.etag) == server.etag
        if wanted and server.ranges and fits:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send(416, b"", Content_Range=f"bytes */{len(content)}")
            return self.send(206, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send(200, content)


def half_then_drop(handler, number):
    if number == 1:
        handler.send(200, CONTENT[: len(CONTENT) // 2], length=len(CONTENT))
        return True


@pytest.fixture
def target(tmp_path):
    return tmp_path / "kept" / "data.zip"


def get(server, target, **options):
    return fetch(server.url, target, **{"pause": 0.01} | options)


def test_dropped_connection_is_taken_up_where_it_broke(target):
    server = Server(half_then_drop)
    assert get(server, target).read_bytes() == CONTENT
    first, rest = server.requests
    assert (
        first is None and len(CONTENT) // 2 - 2**16 <= int(rest.removeprefix("bytes=").rstrip("-")) <= len(CONTENT) // 2
    )
    assert sorted(p.name for p in target.parent.iterdir()) == ["data.zip", "data.zip.sha256"]


def test_server_that_ignores_ranges(target):
    server = Server(half_then_drop, ranges=False)
    assert get(server, target).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_file_that_changed_between_two_tries(target):
    def behave(handler, number):
        done = half_then_drop(handler, number)
        handler.server.etag, handler.server.content = '"two"', CONTENT[::-1]
        return done

    assert get(Server(behave), target).read_bytes() == CONTENT[::-1]


def test_busy_server_is_asked_again(target):
    server = Server(lambda handler, number: number < 3 and (handler.send(503, b"busy"), True)[1])
    assert get(server, target).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_server_that_stays_busy(target):
    with pytest.raises(DownloadError, match="in 3 tries .*503"):
        get(Server(lambda handler, number: (handler.send(503, b"busy"), True)[1]), target, tries=3)


def test_missing_file_is_not_asked_for_again(target):
    server = Server(lambda handler, number: (handler.send(404, b"none"), True)[1])
    with pytest.raises(DownloadError, match="404"):
        get(server, target)
    assert len(server.requests) == 1 and not target.exists()


def test_too_large_a_length_never_makes_a_whole_file(target):
    server = Server(
        lambda handler, number: number == 1 and (handler.send(200, CONTENT, length=len(CONTENT) + 1000), True)[1]
    )
    assert get(server, target).read_bytes() == CONTENT  # the next request says that nothing is missing


def test_always_too_large_a_length(target):
    with pytest.raises(DownloadError, match="what came is kept"):
        get(
            Server(lambda handler, number: (handler.send(200, CONTENT, length=len(CONTENT) + 1000), True)[1]),
            target,
            tries=2,
        )
    assert not target.exists() and target.with_name("data.zip.part").exists()


def jpeg(sizes=(80, 70)):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (*sizes, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def zipped(names=("afhq/train/cat/a.jpg",), sizes=(80, 70)):
    packed, picture = io.BytesIO(), jpeg(sizes)
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, picture)
    return packed.getvalue()


def at(server, name="afhq_cat", sha256=""):
    """A dataset whose archive this server offers; what it sends has other checksums than the real one."""
    return patch.dict(DATASETS, {name: dataclasses.replace(DATASETS[name], url=server.url, sha256=sha256)})


def test_download_and_prepare_a_dataset(tmp_path):
    server = Server(content=zipped([f"afhq/train/{kind}/{i}.jpg" for kind in ("cat", "dog") for i in range(5)]))
    with at(server), pytest.warns(UserWarning, match="has 5153 images"):
        assert download("afhq_cat", tmp_path).name == "afhq.zip"
        data = prepare("afhq_cat", tmp_path, 16, cache_dir=tmp_path / "cache")
    assert data.shape == (5, 3, 16, 16)


FLOWERS = {f"flower_photos/{kind}/1.jpg": jpeg() for kind in ("roses", "tulips")}


def test_download_and_prepare_a_tar_file(tmp_path):
    with at(Server(content=tarred(FLOWERS)), "flowers"), pytest.warns(UserWarning, match="has 3670 images"):
        assert download("flowers", tmp_path).name == "flower_photos.tgz"
        assert prepare("flowers", tmp_path, 16, cache_dir=tmp_path / "cache").shape == (2, 3, 16, 16)


@pytest.mark.parametrize(
    "content",
    [b"<!DOCTYPE html>log in", zipped(), tarred(FLOWERS)[:-40], tarred({})],
    ids=["a web page", "a zip file", "a cut archive", "nothing in it"],
)
def test_wrong_tar_file(tmp_path, content):
    with at(Server(content=content), "flowers"), pytest.raises(DownloadError, match="it is not a tar file"):
        download("flowers", tmp_path)
    assert not list(tmp_path.glob("*.tgz*"))


@pytest.mark.parametrize(
    "content, cut", [(b"<!DOCTYPE html>log in", 0), (zipped(), 40)], ids=["a web page", "a cut archive"]
)
def test_wrong_file(tmp_path, content, cut):
    server = Server(content=content[: len(content) - cut])
    with at(server), pytest.raises(DownloadError, match="it is not a zip file"):
        download("afhq_cat", tmp_path)
    assert not list(tmp_path.glob("*.zip*"))


def test_too_small_a_length_is_seen_in_the_archive(tmp_path):
    content = zipped()
    server = Server(lambda handler, number: (handler.send(200, content[:-50]), True)[1])
    with at(server), pytest.raises(DownloadError, match="it is not a zip file"):
        download("afhq_cat", tmp_path)


def test_first_checksum_is_remembered(tmp_path):
    server = Server(content=zipped())
    with at(server):
        archive = download("afhq_cat", tmp_path)
        archive.unlink()
        server.content = zipped(sizes=(30, 30))
        with pytest.raises(DownloadError, match="another version"):
            download("afhq_cat", tmp_path)
    assert not archive.exists()


def test_published_checksum(tmp_path):
    """An archive that is whole, and not the one that its publisher offers, never gets its name."""
    packed = tarred(FLOWERS)
    with at(Server(content=packed), "flowers", hashlib.sha256(packed).hexdigest()):
        assert download("flowers", tmp_path / "right").read_bytes() == packed
    for content in (tarred(FLOWERS | {"flower_photos/more.txt": b"x"}), tarred({"other/1.jpg": jpeg()})):
        with (
            at(Server(content=content), "flowers", hashlib.sha256(packed).hexdigest()),
            pytest.raises(DownloadError, match="the download of flower_photos.tgz has checksum .* get it again"),
        ):
            download("flowers", tmp_path / "wrong")
        assert not list((tmp_path / "wrong").iterdir())
    (tmp_path / "wrong" / "flower_photos.tgz").write_bytes(content)  # by hand
    with at(Server(), "flowers", "0" * 64), pytest.raises(DownloadError, match="flower_photos.tgz has checksum"):
        download("flowers", tmp_path / "wrong")
    assert (tmp_path / "wrong" / "flower_photos.tgz").read_bytes() == content  # and is not touched


def test_checksums_are_checksums():
    known = [dataset.sha256 for dataset in DATASETS.values() if dataset.sha256]
    assert known and all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in known)


def test_full_disk(target):
    with (
        patch("fpa_nb.files.shutil.disk_usage", return_value=type("Usage", (), {"free": 1000})()),
        pytest.raises(DownloadError, match="make room"),
    ):
        get(Server(), target)


def test_hostile_archive_writes_nothing(tmp_path):
    packed = io.BytesIO()
    link = zipfile.ZipInfo("church_outdoor_train_lmdb/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("church_outdoor_train_lmdb/data.mdb", b"x")
        archive.writestr("../../evil", b"x")
        archive.writestr(link, b"/etc/passwd")
    root = tmp_path / "deep" / "root"
    with at(Server(content=packed.getvalue()), "lsun_church"):
        download("lsun_church", root)
        with pytest.raises(ValueError, match="outside its folder"):
            find_source("lsun_church", root)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "church_outdoor_train_lmdb.zip",
        "church_outdoor_train_lmdb.zip.sha256",
    ]


def killed(code, ready, timeout=60):
    """Start Python with `code` in a process of its own, and kill it as soon as `ready()`."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + timeout
    while not ready() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None, "it was over before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_download_goes_on(target):
    def slowly(handler, number):
        if number == 1:
            handler.send(200, b"", length=len(CONTENT))
            with contextlib.suppress(ConnectionError):  # the other side is killed
                for start in range(0, len(CONTENT), 2**16):
                    handler.wfile.write(CONTENT[start : start + 2**16])
                    time.sleep(0.05)
            return True

    server, part = Server(slowly), target.with_name("data.zip.part")
    killed(
        f"from fpa_nb.files import fetch; fetch({server.url!r}, {str(target)!r})",
        lambda: part.exists() and part.stat().st_size > 0,
    )
    assert not target.exists()
    came = part.stat().st_size
    assert get(server, target).read_bytes() == CONTENT
    assert server.requests[-1] == f"bytes={came}-"


def photographs(folder, count=120):
    """A folder of small photographs, one of them broken."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 255, (90, 100, 3), dtype=np.uint8)).save(folder / f"{i:03d}.jpg")
    (folder / "050.jpg").write_bytes(b"broken")
    return folder


def test_killed_preparation_goes_on(tmp_path):
    """Killed at twenty moments, each a little later than the one before, and in the end the same as undisturbed."""
    photos, cache = photographs(tmp_path / "photos"), tmp_path / "killed"

    def slowly(*given):
        time.sleep(0.02)
        return load_image(*given)

    def written():
        return max([0, *(file.stat().st_size for file in cache.glob("*.partial/images.u8"))])

    for image in range(4, 104, 5):
        process = os.fork()
        if not process:  # the child, which is killed before it has done all
            with patch.object(fpa_nb.data, "_CHUNK", 10), patch.object(fpa_nb.data, "load_image", slowly):
                prepare("folder", photos, 32, cache_dir=cache)
            os._exit(0)
        while written() < image * 3 * 32 * 32:
            time.sleep(0.005)
        os.kill(process, signal.SIGKILL)
        assert os.waitpid(process, 0)[1] == signal.SIGKILL, "it was over before it could be killed"
    with pytest.warns(UserWarning, match="050.jpg"), patch.object(fpa_nb.data, "_CHUNK", 10):
        ours = prepare("folder", photos, 32, cache_dir=cache)
        undisturbed = prepare("folder", photos, 32, cache_dir=tmp_path / "whole")
    assert ours.path.read_bytes() == undisturbed.path.read_bytes() and ours.fingerprint == undisturbed.fingerprint
    assert ours.skipped == undisturbed.skipped and len(ours) == 119 and ours.names == undisturbed.names
    assert not list(cache.glob("*.partial*"))
