"""Fetches what of the front end is not ours from npm, and writes down what it is: `make vendor`.

Files are kept byte for byte as they are published, with their license; ``vendor.json`` has name, version, license and hashes.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "src/danlu/dashboard/static/vendor"
WANTED = {
    "preact@11.2.0": {"preact": "dist/preact.mjs", "preact/hooks": "hooks/dist/hooks.mjs"},
    "htm@3.1.1": {"htm": "dist/htm.module.js"},
    "uplot@1.6.32": {"uplot": "dist/uPlot.esm.js", "uplot/style": "dist/uPlot.min.css"},
}


def main() -> None:
    """Fetch, copy, write down."""
    rows = []
    VENDOR.mkdir(parents=True, exist_ok=True)
    for package, files in WANTED.items():
        with tempfile.TemporaryDirectory() as folder:
            packing = [str(shutil.which("npm")), "pack", "--json", package]
            named = subprocess.run(packing, cwd=folder, check=True, capture_output=True, text=True)
            told = json.loads(named.stdout)
            packed = told[0] if isinstance(told, list) else next(iter(told.values()))
            archive = Path(folder) / packed["filename"]
            whole = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
            inside = Path(folder) / "package"
            about = json.loads((inside / "package.json").read_text("utf-8"))
            file = f"{about['name']}.LICENSE"
            (VENDOR / file).write_bytes((inside / "LICENSE").read_bytes())
            for name, path in files.items():
                data = (inside / path).read_bytes()
                file = Path(path).name
                (VENDOR / file).write_bytes(data)
                rows.append({
                    "name": name, "version": about["version"], "license": about["license"],
                    "source": f"npm {about['name']}@{about['version']} {path} (sha512-{whole})",
                    "file": file, "sha256": hashlib.sha256(data).hexdigest(),
                })  # fmt: skip
    (VENDOR / "vendor.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
