"""Makes the fixtures in tests/datasets/files/ with numpy and safetensors themselves.

Run it with the project's interpreter after changing it, and commit what it writes:

    .venv/bin/python tests/datasets/make_files.py

Unless said otherwise, element i of an array in row-major order is i / 8 - 1: exact in every type.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FOLDER = Path(__file__).parent / "files"


def ramp(*shape, dtype=np.float32):
    return (np.arange(np.prod(shape), dtype=np.float64) / 8 - 1).reshape(shape).astype(dtype)


def bfloat16_file(path, arrays):
    """safetensors' numpy side has no bfloat16: write it as uint16 (the upper half of a float32), then name the type."""
    upper = {name: (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16) for name, array in arrays.items()}
    save_file(upper, path)
    path.write_bytes(path.read_bytes().replace(b'"dtype":"U16"', b'"dtype":"BF16"'))
    fix_header_length(path)


def fix_header_length(path):
    """The header grew by one byte per tensor: write its length anew, padded to 8 as the format's own writer does."""
    content = path.read_bytes()
    end = content.index(b"}}") + 2
    header = content[8:end]
    data = content[8 + int.from_bytes(content[:8], "little") + content.count(b"BF16") :]
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, dtype in (("f32", np.float32), ("f64", np.float64), ("f16", np.float16)):
        np.save(FOLDER / f"{name}.npy", ramp(2, 3, 4, 5, dtype=dtype))
    np.save(FOLDER / "fortran.npy", np.asfortranarray(ramp(2, 3, 4, 5)))
    with (FOLDER / "version2.npy").open("wb") as file:
        np.lib.format.write_array(file, ramp(2, 3, 4, 5), version=(2, 0))
    row, column = np.indices((3, 4))
    np.save(FOLDER / "bool.npy", (row + column) % 3 == 0)
    additive = -np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    additive[1, 2, 3] = -np.inf
    np.save(FOLDER / "additive.npy", additive)

    # Q, K, V of b1 h4:2 n5 d8:6, as every container.
    qkv = {"q": ramp(1, 4, 5, 8), "k": ramp(1, 2, 5, 8), "v": ramp(1, 2, 5, 6)}
    folder = FOLDER / "folder"
    folder.mkdir(exist_ok=True)
    for name, array in qkv.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(FOLDER / "stored.npz", **qkv)
    np.savez_compressed(
        FOLDER / "deflated.npz", Query=qkv["q"], KEY=qkv["k"].astype(np.float64), value=qkv["v"].astype(np.float16)
    )
    save_file(qkv, FOLDER / "f32.safetensors", metadata={"made_by": "make_files.py"})
    save_file({name: array.astype(np.float16) for name, array in qkv.items()}, FOLDER / "f16.safetensors")
    save_file({name: array[0].astype(np.float64) for name, array in qkv.items()}, FOLDER / "f64_rank3.safetensors")
    bfloat16_file(FOLDER / "bf16.safetensors", qkv)


if __name__ == "__main__":
    main()
