"""Real data sets: everything that a download can meet, against a server of our own."""

import errno
import hashlib
import http.server
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from rnncourse import data
from rnncourse.__main__ import main
from rnncourse.data import fetch

CONTENT = bytes(range(256)) * 1000  # four chunks
GOOD = {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}


class Handler(http.server.BaseHTTPRequestHandler):
    """What the first folder of an address says: /good, /short (breaks off in the middle), /other
    (another content), /wrong (another, broken off), /whole (no ranges), /endless.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        kind = self.path.split("/")[1]
        if kind not in ("good", "short", "other", "wrong", "whole", "endless"):
            return self.send_error(404)
        first = 0
        if kind != "whole" and self.headers.get("Range"):
            first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = CONTENT[::-1] if kind in ("other", "wrong") else CONTENT[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body) if kind != "endless" else 10**12))
        self.end_headers()
        self.wfile.write(body[: 100_000 if kind in ("short", "wrong") else None])
        while kind == "endless":
            try:
                self.wfile.write(CONTENT)
            except OSError:  # the other side has had enough
                break
        self.close_connection = True
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.seen = []
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no folder of data beside it."""
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.delenv("RNNCOURSE_MIRROR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def known(server, monkeypatch):
    """A manifest of one set; the function changes the address that it names."""

    def at(place, **fields):
        url = f"http://127.0.0.1:{server.server_port}/{place}"
        entry = GOOD | {"url": url} | fields
        made = {"tiny": {"title": "T", "licence": "L", "citation": "C", "files": {"a.txt": entry}}}
        monkeypatch.setattr(fetch, "manifest", lambda: made)

    at("good")
    return at


def only_file(cache):
    files = (p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock")
    return sorted(str(p.relative_to(cache)) for p in files)


def test_a_good_file_is_downloaded_once(cache, known, server):
    first = data.path("tiny")
    assert first.read_bytes() == CONTENT
    assert data.path("tiny", "a.txt") == first
    assert server.seen == [("/good", None)]
    assert only_file(cache) == ["tiny/a.txt"]


def test_a_wrong_checksum_leaves_nothing_behind(cache, known):
    known("other")
    with pytest.raises(data.DataError, match=r"sha256 .*expected .*thrown away"):
        data.path("tiny")
    assert only_file(cache) == []


def test_a_cut_connection_is_gone_on_with(cache, known, server):
    """After 100,000 bytes the server closes; the next run asks for the rest alone."""
    known("short")
    with pytest.raises(data.DataError, match="broke off after 100000 of 256000 bytes"):
        data.path("tiny")
    assert only_file(cache) == ["tiny/a.txt.part"]
    known("good")
    assert data.path("tiny").read_bytes() == CONTENT
    assert server.seen == [("/short", None), ("/good", "bytes=100000-")]
    assert only_file(cache) == ["tiny/a.txt"]


def test_a_server_without_ranges_sends_all_again(cache, known):
    known("short")
    with pytest.raises(data.DataError, match="broke off"):
        data.path("tiny")
    known("whole")
    assert data.path("tiny").read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_begun_again(cache, known):
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny/a.txt.part").write_bytes(CONTENT + b"x")
    assert data.path("tiny").read_bytes() == CONTENT


def test_not_found_names_the_address_and_what_to_do(cache, known, server):
    known("gone")
    with pytest.raises(data.DataError, match=r"/gone answered 404 .*RNNCOURSE_DATA"):
        data.path("tiny")


def test_no_network(cache, known):
    """A port on which nobody listens."""
    known("x", url="http://127.0.0.1:9/x")
    with pytest.raises(data.DataError, match=r"could not be downloaded: .*Is there a network"):
        data.path("tiny")


def test_a_cache_that_cannot_be_written(cache, known, monkeypatch):
    """A file stands where the folder should be; root may write anywhere else."""
    cache.write_text("")
    with pytest.raises(data.DataError, match="RNNCOURSE_CACHE"):
        data.path("tiny")


def test_a_read_only_cache_serves_what_it_has(cache, known, server):
    path = data.path("tiny")
    path.chmod(0o444)
    path.parent.chmod(0o555)
    cache.chmod(0o555)
    assert data.path("tiny") == path
    assert len(server.seen) == 1
    cache.chmod(0o755)
    path.parent.chmod(0o755)


def test_a_full_disk(cache, known, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_fill", full)
    with pytest.raises(data.DataError, match="no space left"):
        data.path("tiny")


def fetch_in_another_process(entry, ready, found):
    ready.wait()
    found.put(str(fetch.download("tiny", "a.txt", entry, False)))


def test_two_processes_at_once_download_it_once(cache, known, server):
    """Both start together; one waits for the other, and both get the same good file."""
    context = multiprocessing.get_context("spawn")
    ready, found = context.Event(), context.Queue()
    entry = data.real()["tiny"]["files"]["a.txt"]
    both = [context.Process(target=fetch_in_another_process, args=(entry, ready, found))
            for _ in range(2)]  # fmt: skip
    for process in both:
        process.start()
    ready.set()
    paths = {found.get(timeout=60) for _ in both}
    for process in both:
        process.join()
    assert paths == {str(cache / "tiny/a.txt")}
    assert Path(*paths).read_bytes() == CONTENT
    assert len(server.seen) == 1
    assert only_file(cache) == ["tiny/a.txt"]


def test_a_folder_named_from_outside_comes_first(cache, known, server, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "data"))
    (tmp_path / "data/tiny").mkdir(parents=True)
    (tmp_path / "data/tiny/a.txt").write_bytes(CONTENT)
    assert data.path("tiny") == tmp_path / "data/tiny/a.txt"
    assert server.seen == []


def test_another_file_of_that_name_is_refused(cache, known, tmp_path, monkeypatch):
    """Also when it has the right size; mended, it is accepted."""
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path))
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/a.txt").write_bytes(CONTENT[::-1])
    with pytest.raises(data.DataError, match=r"a\.txt has 256000 bytes and is not the file"):
        data.path("tiny")
    (tmp_path / "tiny/a.txt").write_bytes(CONTENT)
    assert data.path("tiny").read_bytes() == CONTENT


def test_a_file_that_was_made_here_cannot_be_downloaded(cache, known):
    known("good", made_from="https://example.org: all/*.png")
    del data.real()["tiny"]["files"]["a.txt"]["url"]
    with pytest.raises(data.DataError, match=r"all/\*\.png.*RNNCOURSE_DATA"):
        data.path("tiny")


# ---- mirrors ---------------------------------------------------------------------------


@pytest.fixture
def mirror(server, monkeypatch):
    """Says below which folder of the server the mirror lies."""
    return lambda place: monkeypatch.setenv(
        "RNNCOURSE_MIRROR", f"http://127.0.0.1:{server.server_port}/{place}"
    )


@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_is_asked_first_and_alone(cache, known, mirror, server, end):
    known("gone")
    mirror(f"good/sets{end}")
    assert data.path("tiny").read_bytes() == CONTENT
    assert server.seen == [("/good/sets/tiny/a.txt", None)]


def test_a_file_that_was_made_here_may_come_from_a_mirror(cache, known, mirror):
    known("good", made_from="https://example.org: all/*.png")
    del data.real()["tiny"]["files"]["a.txt"]["url"]
    mirror("good")
    assert data.path("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["other", "gone", "endless"])
def test_after_a_mirror_without_the_file_comes_its_own_address(cache, known, mirror, server, place):
    """Another content, an answer 404, more bytes than the file has."""
    mirror(place)
    assert data.path("tiny").read_bytes() == CONTENT
    assert server.seen == [(f"/{place}/tiny/a.txt", None), ("/good", None)]
    assert only_file(cache) == ["tiny/a.txt"]


@pytest.mark.parametrize("base", ["http://127.0.0.1:9", "mirror.example", "http://[", "file:///x"])
def test_after_a_mirror_that_is_down_or_no_address_comes_the_next(cache, known, monkeypatch, base):
    monkeypatch.setenv("RNNCOURSE_MIRROR", base)
    assert data.path("tiny").read_bytes() == CONTENT


def test_what_a_mirror_breaks_off_the_next_address_goes_on_with(cache, known, mirror, server):
    mirror("short")
    assert data.path("tiny").read_bytes() == CONTENT
    assert server.seen == [("/short/tiny/a.txt", None), ("/good", "bytes=100000-")]


def test_the_beginning_of_another_file_costs_a_second_request_only(cache, known, mirror, server):
    """Joined with the right end it has another sha256, and all is fetched from the one address."""
    mirror("wrong")
    assert data.path("tiny").read_bytes() == CONTENT
    asked = [("/wrong/tiny/a.txt", None), ("/good", "bytes=100000-"), ("/good", None)]
    assert server.seen == asked
    assert only_file(cache) == ["tiny/a.txt"]


def test_the_mirrors_of_the_manifest_come_last(cache, known, mirror, server):
    here = f"http://127.0.0.1:{server.server_port}"
    known("gone", mirrors=[f"{here}/gone", f"{here}/other", f"{here}/good/b", f"{here}/never"])
    mirror("none")
    assert data.path("tiny").read_bytes() == CONTENT
    assert [path for path, _ in server.seen] == ["/none/tiny/a.txt", "/gone", "/other", "/good/b"]


def test_where_all_fail_each_is_named_with_what_to_do(cache, known, mirror, server):
    here = f"http://127.0.0.1:{server.server_port}"
    known("other", mirrors=["http://127.0.0.1:9/down", f"{here}/short"])
    mirror("none")
    with pytest.raises(data.DataError) as caught:
        data.path("tiny")
    said = str(caught.value)
    for part in (f"{here}/none/tiny/a.txt answered 404", f"what {here}/other sent has sha256",
                 "http://127.0.0.1:9/down failed (", f"{here}/short broke off after 100000",
                 "100000 of 256000 bytes are kept: run again to go on", "RNNCOURSE_MIRROR",
                 "RNNCOURSE_DATA"):  # fmt: skip
        assert part in said
    assert "\n" not in said
    mirror("good")
    assert data.path("tiny").read_bytes() == CONTENT
    assert server.seen[-1] == ("/good/tiny/a.txt", "bytes=100000-")


def test_unknown_names(cache, known):
    with pytest.raises(KeyError, match="there are \\['tiny'\\]"):
        data.path("big")
    with pytest.raises(KeyError, match=r"no file 'b\.txt'"):
        data.path("tiny", "b.txt")


def test_a_bar_is_shown(cache, known, capsys):
    data.path("tiny", progress=True)
    assert "256000/256000 bytes of tiny/a.txt" in capsys.readouterr().err


# ---- the command ----------------------------------------------------------------------


def test_the_command_lists_gets_and_finds(cache, known, capsys):
    """list says what is here; get prints where it lies now; path prints it again."""
    assert main(["data", "list"]) == 0
    assert "tiny  0 of 1 files here, 0.3 MB\n    T. Licence: L\n" in capsys.readouterr().out
    assert main(["data", "get", "tiny"]) == 0
    assert capsys.readouterr().out == f"{cache / 'tiny/a.txt'}\n"
    assert main(["data", "path", "tiny"]) == 0
    assert capsys.readouterr().out == f"{cache / 'tiny/a.txt'}\n"
    main(["data", "list"])
    assert "tiny  1 of 1 files here" in capsys.readouterr().out


def test_help_names_what_can_be_set(capsys):
    with pytest.raises(SystemExit):
        main(["data", "--help"])
    shown = capsys.readouterr().out
    assert all(f"RNNCOURSE_{name} " in shown for name in ("DATA", "CACHE", "MIRROR"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "big"], "no real data set called 'big'; there are ['tiny']"),
        (["path", "tiny", "b.txt"], "tiny has no file 'b.txt'"),
        (["get", "tiny"], "answered 404"),
        (["path", "tiny"], "answered 404"),
    ],
)
def test_the_command_says_what_cannot_be_had(cache, known, capsys, arguments, said):
    """Exit code 1, one line, no traceback."""
    known("gone")
    assert main(["data", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("rnncourse: ")
    assert said in error
    assert error.count("\n") == 1


# ---- the manifest as it is ----------------------------------------------------------


@pytest.mark.parametrize("name", data.real())
def test_the_manifest_is_whole(name):
    """Sizes, checksums, and an address at a pinned commit or where the file was made from.

    A mirror may be any address, since the sha256 decides.
    """
    entry = data.real()[name]
    assert set(entry) == {"title", "licence", "citation", "files"}
    for file in entry["files"].values():
        assert file["bytes"] > 0
        assert len(file["sha256"]) == 64
        assert set(file) <= {"bytes", "sha256", "url", "made_from", "mirrors"}
        assert isinstance(file.get("mirrors", []), list)
        address = file.get("url") or file["made_from"]
        assert any(len(part.split(":")[0]) == 40 for part in address.split("/")), address


def test_the_manifest_agrees_with_the_data_at_hand(monkeypatch):
    """Every file of the folder that RNNCOURSE_DATA names has the manifest's content."""
    if not os.environ.get("RNNCOURSE_DATA"):
        pytest.skip("RNNCOURSE_DATA names no folder")
    for name, entry in data.real().items():
        for file in entry["files"]:
            assert data.path(name, file).stat().st_size == entry["files"][file]["bytes"]
