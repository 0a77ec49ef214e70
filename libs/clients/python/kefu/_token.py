"""Tokens of a development suite."""

import tomllib
from pathlib import Path


def development_token(login: str, folder: str | Path = ".") -> str:
    """The token that `kefu dev` keeps for a login (`erp`, `li.wei`) in `.kefu/tokens.toml`, there or above."""
    start = Path(folder).absolute()
    for place in (start, *start.parents):
        tokens = place / ".kefu" / "tokens.toml"
        if tokens.is_file():
            return str(tomllib.loads(tokens.read_text(encoding="utf-8"))[login])
    raise FileNotFoundError(f"no .kefu/tokens.toml in {start} or above it: does `kefu dev` run there?")
