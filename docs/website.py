"""What the site is made of besides the pages in this folder: those at the root, and every option of every command."""

import itertools
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MANY, SOME = 40, 16  # characters in a cell that is words, or a phrase
CELL = re.compile(r"<(t[dh])([^>]*)>(.*?)</t[dh]>", re.S)
NUMBER = re.compile(r"(?!.*, )[-+±×<>≈%.,\d()e ]{1,16}|inf|none")
SIZES = re.compile(r"([A-Z]\d: )?(\d[\d.]*, )+\d[\d.]*")
ELSEWHERE = {
    "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}  # fmt: skip


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages that lie elsewhere, or are generated."""
    from mkdocs.structure.files import File

    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=moved((ROOT / source).read_text())))
    files.append(File.generated(config, "options.md", content=options()))
    return files


def on_post_build(*, config: Any) -> None:
    """A page of a server's, which asks for what lies elsewhere."""
    (Path(config.site_dir) / "404.html").unlink(missing_ok=True)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Nothing is fetched from elsewhere: the theme would take a worker for pages read from the disk from a server."""
    base = "../" * page.url.count("/")
    return output.replace("https://unpkg.com/iframe-worker/shim", f"{base}offline.js")


def on_page_content(html: str, *, page: Any, config: Any, files: Any) -> str:
    """For a phone: a picture leads to itself at full size, an option is not broken, and a cell says what it holds."""
    html = re.sub(r'<img [^>]*?src="([^"]+)"[^>]*>', r'<a href="\1">\g<0></a>', html)
    html = re.sub(r"<table>.*?</table>", _table, html, flags=re.S)
    return re.sub(r"<code>(?:[^<]|<wbr>)*</code>", _options, html)


def _options(code: re.Match[str]) -> str:
    """An option is not broken behind its first hyphen."""
    return re.sub(r"(?<![\w<-])(--?\w[\w-]{0,24})", r'<span class="whole">\1</span>', code[0])


def _table(found: re.Match[str]) -> str:
    """Columns of numbers stand on the right, as their headings do."""
    head, *body = (CELL.findall(row) for row in re.findall(r"<tr>.*?</tr>", found[0], re.S))
    columns = [[_words(cell[2]) for cell in column] for column in zip(*body, strict=True)]
    right = [
        any(column) and all(NUMBER.fullmatch(words) for words in column if words)
        for column in columns
    ]
    places = itertools.cycle(range(len(head)))
    return CELL.sub(lambda cell: _cell(cell, right=right[next(places)]), found[0])


def _words(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def _cell(found: re.Match[str], *, right: bool) -> str:
    """Numbers and sizes stay in one line, words are given room, and code may be broken behind a mark, not elsewhere."""
    tag, given, inner = found.groups()
    kinds, words = ["right"] * right, _words(inner)
    if tag == "td" and (NUMBER.fullmatch(words) or SIZES.fullmatch(words)):
        kinds.append("number")
    elif len(words) > SOME and " " in words:
        kinds.append("words" if len(words) > MANY else "phrase")
    mark = re.compile(r"([_/.=])(?=\w)")
    inner = re.sub(r"(?<=<code>)[^<]*", lambda code: mark.sub(r"\1<wbr>", code[0]), inner)
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<{tag}{given}{kind}>{inner}</{tag}>"


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Links to what lies beside the folder lead to its page."""
    for source, target in ELSEWHERE.items():
        markdown = markdown.replace(f"](../{source}", f"]({target}")
    return markdown


def moved(text: str) -> str:
    """The links of a page at the root, as seen from this folder."""
    text = re.sub(r"\]\(docs/", "](", text)
    for source, target in ELSEWHERE.items():
        text = text.replace(f"]({source}", f"]({target}")
    return text


def options() -> str:
    """Every command with every option, from the commands themselves."""
    import typer

    from bptt.cli import app

    main: Any = typer.main.get_command(app)
    lines = [
        "# Every option of every command",
        "",
        "This page is made from the commands themselves. [The command line](command-line.md) shows examples and what they print.",
        "",
    ]
    for name, command in main.commands.items():
        first = (command.help or "").partition("\n")[0]
        lines += [f"## bptt {name}", "", _plain(first), ""]
        for option in command.params:
            if option.opts[0].startswith("--"):
                lines += [*_entry(option), ""]
    return "\n".join(lines)


def _entry(option: Any) -> tuple[str, str]:
    """An option and its meaning, as a list of definitions has them: on a phone a table would be too wide."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = "" if option.default in (None, False, ()) else f" Default: `{option.default}`."
    return names, f":   {_plain(option.help or '')}{default}"


def _plain(text: str) -> str:
    """Without the marks that keep a terminal from reading brackets as colours, and with those that Markdown needs."""
    return text.replace("\\[", "[").replace("*", "\\*").replace("_", "\\_")
