"""Files of fetched sets: the user's folder, the cache, the publisher, and what is said when all fail."""

import gzip
import hashlib
import io
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from unstuck.data import catalog
from unstuck.data.fetch import Remote, obtain
from unstuck.errors import DataError
from unstuck.recipe.data import Data

CONTENT = b"some rows"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): ...


@pytest.fixture
def publisher(tmp_path):
    """A folder that is served on this machine, and its address."""
    folder = tmp_path / "published"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])  # seconds between looks for a shutdown
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(publisher):
    folder, url = publisher
    (folder / "rows.bin").write_bytes(CONTENT)
    return Remote(url=url, files={"rows.bin": sha256(CONTENT)})


@pytest.fixture
def unreachable():
    return Remote(url="http://127.0.0.1:9/", files={"rows.bin": sha256(CONTENT)})  # the port "discard"


def test_a_set_is_fetched_once_and_then_kept(remote, publisher, tmp_path):
    paths = obtain("tiny", remote, folder="", cache=tmp_path / "cache")
    assert paths == {"rows.bin": tmp_path / "cache" / "tiny" / "rows.bin"}
    (publisher[0] / "rows.bin").unlink()
    assert obtain("tiny", remote, folder="", cache=tmp_path / "cache")["rows.bin"].read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(remote, tmp_path):
    wrong = replace(remote, files={"rows.bin": sha256(b"others")})
    with pytest.raises(DataError, match="is not the file that was published") as caught:
        obtain("tiny", wrong, folder="", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "tiny").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(remote, tmp_path):
    kept = obtain("tiny", remote, folder="", cache=tmp_path / "cache")["rows.bin"]
    kept.write_bytes(b"damaged")
    obtain("tiny", remote, folder="", cache=tmp_path / "cache")
    assert kept.read_bytes() == CONTENT


def test_a_file_that_is_not_published_is_an_error_and_not_a_set(remote, publisher, tmp_path):
    (publisher[0] / "rows.bin").unlink()
    with pytest.raises(DataError, match="cannot be fetched"):
        obtain("tiny", remote, folder="", cache=tmp_path / "cache")


def test_without_network_the_error_says_what_was_tried_and_where_the_file_may_be_put(unreachable, tmp_path):
    with pytest.raises(DataError) as caught:
        obtain("tiny", unreachable, folder=str(tmp_path / "mine"), cache=tmp_path / "cache")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "http://127.0.0.1:9/rows.bin cannot be fetched",
        f"{tmp_path / 'mine' / 'tiny' / 'rows.bin'} is not there",
        f"Put rows.bin into {tmp_path / 'cache' / 'tiny'}",
        "UNSTUCK_DATA",
    ):
        assert part in message


def test_the_file_may_then_be_put_there(unreachable, tmp_path):
    (tmp_path / "cache" / "tiny").mkdir(parents=True)
    (tmp_path / "cache" / "tiny" / "rows.bin").write_bytes(CONTENT)
    assert obtain("tiny", unreachable, folder="", cache=tmp_path / "cache")["rows.bin"].read_bytes() == CONTENT


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_the_users_folder_comes_first(unreachable, tmp_path, monkeypatch, by):
    held = tmp_path / "mine" / "tiny" / "rows.bin"
    held.parent.mkdir(parents=True)
    held.write_bytes(CONTENT)
    if by == "environment":
        monkeypatch.setenv("UNSTUCK_DATA", str(tmp_path / "mine"))
    folder = str(tmp_path / "mine") if by == "argument" else None
    assert obtain("tiny", unreachable, folder=folder)["rows.bin"] == held


def test_another_file_in_the_users_folder_is_refused(unreachable, tmp_path):
    held = tmp_path / "tiny" / "rows.bin"
    held.parent.mkdir()
    held.write_bytes(b"others")
    with pytest.raises(DataError, match="is not the file that was published: its SHA-256 is"):
        obtain("tiny", unreachable, folder=str(tmp_path))


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def four_files(rows=20):
    generator = np.random.default_rng(0)
    files = {}
    for part in ("train", "t10k"):
        images = generator.integers(0, 256, (rows, 5, 6), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte.gz"] = idx(images)
        files[f"{part}-labels-idx1-ubyte.gz"] = idx((np.arange(rows) % 2).astype(np.uint8))
    return files


def tiny_catalogue(remote, opener):
    entry = replace(catalog.SETS["fashion-mnist"], open=partial(opener, remote=remote, classes=("even", "odd")))
    return {"tiny": entry}


def test_a_set_compressed_anew_is_known_by_its_content(tmp_path):
    raw = four_files()
    (tmp_path / "tiny").mkdir()
    for name, content in raw.items():
        (tmp_path / "tiny" / name).write_bytes(gzip.compress(content, 1))
    remote = Remote(
        url="http://127.0.0.1:9/",
        files={name: sha256(gzip.compress(content, 9)) for name, content in raw.items()},
        contents={name: sha256(content) for name, content in raw.items()},
    )
    opener = partial(catalog.fetched_idx, folder=str(tmp_path))
    source = catalog.open_set(Data(name="tiny"), tiny_catalogue(remote, opener))
    assert source.train.x.shape == source.test.x.shape == (20, 5, 6)
    assert source.train.y.tolist() == [0, 1] * 10

    images = tmp_path / "tiny" / "train-images-idx3-ubyte.gz"
    images.write_bytes(gzip.compress(raw[images.name][:-1] + b"\0"))
    with pytest.raises(DataError, match="is damaged: SHA-256 of its content is"):
        catalog.open_set(Data(name="tiny"), tiny_catalogue(remote, opener))


def cifar_archive(batches):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def cifar_batch(labels, pictures):
    return b"".join(bytes([label]) + picture.tobytes() for label, picture in zip(labels, pictures, strict=True))


def test_cifar_is_read_from_its_binary_version_channel_first(tmp_path, monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    archive = cifar_archive(
        {
            "test_batch.bin": cifar_batch([1, 0], pictures[4:]),
            "data_batch_2.bin": cifar_batch([0, 0], pictures[2:4]),
            "data_batch_1.bin": cifar_batch([1, 0], pictures[:2]),
            "readme.html": b"not a batch",
        }
    )
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "cifar.tar.gz").write_bytes(archive)
    monkeypatch.setenv("UNSTUCK_DATA", str(tmp_path))
    remote = Remote(url="http://127.0.0.1:9/", files={"cifar.tar.gz": sha256(archive)})
    source = catalog.open_set(Data(name="tiny"), tiny_catalogue(remote, catalog.fetched_cifar))
    assert np.array_equal(source.train.x, pictures[:4])
    assert source.train.y.tolist() == [1, 0, 0, 0]
    assert np.array_equal(source.test.x, pictures[4:])
    assert source.test.y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be read"),
        (cifar_archive({"data_batch_1.bin": b""}), "must hold data_batch_1.bin … and test_batch.bin"),
        (cifar_archive({"data_batch_1.bin": bytes(3072)}), "3072 bytes, no multiple of the record's 3073"),
        (cifar_archive({"data_batch_1.bin": bytes(3073 * 40)})[:-40], "cannot be read"),
    ],
)
def test_a_damaged_cifar_archive_is_refused(content, message, tmp_path):
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        catalog.cifar.read(path)


def test_every_fetched_set_has_a_checksum_for_each_file():
    for entry in catalog.SETS.values():
        remote = getattr(entry.open, "keywords", {}).get("remote")
        if remote:
            assert all(len(bytes.fromhex(digest)) == 32 for digest in remote.files.values())
            assert set(remote.contents) <= set(remote.files)
            assert remote.url.endswith("/")


def test_the_listing_has_a_row_for_every_set_with_its_licence():
    rows = catalog.describe()
    assert [row.name for row in rows] == list(catalog.SETS)
    assert all(row.about and row.origin and row.licence for row in rows)
