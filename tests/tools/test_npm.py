"""What the site takes from npm, when several ask for it at once."""

import io
import re
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.site import build


def test_whoever_asks_at_the_same_time_reads_a_whole_file(tmp_path, monkeypatch):
    content = bytes(range(256)) * 400
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/script.js")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    packed = buffer.getvalue()

    def slow_npm(command, stdout):
        """Write the package in two pieces, as a download does; who comes later overwrites it."""
        time.sleep(slow_npm.delays.pop())
        with open(Path(command[-1]) / "a-script-1.0.tgz", "wb") as file:
            file.write(packed[:90])
            file.flush()
            time.sleep(0.3)
            file.write(packed[90:])
        return 0

    slow_npm.delays = [0.25, 0.0, 0.4]
    monkeypatch.setattr(build, "npm", slow_npm)
    monkeypatch.setattr(build, "BUILD", tmp_path)

    def ask(_):
        build.fetch("a-script@1.0", re.compile(r"package/(script\.js)"), tmp_path / "got")
        return (tmp_path / "got" / "script.js").read_bytes()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, range(3))) == [content] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["got"], "nothing else is left"
