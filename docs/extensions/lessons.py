"""The lessons of the course as pages, in English and in Chinese, with what their cells showed when they were run for this build.

One rule: the text is that of the notebooks, from the same source; only exercises are solved, and folded away.
"""

import base64
from collections.abc import Iterable
from pathlib import Path

from docs.extensions.running import Output, run_lessons, source_of
from sphinx.application import Sphinx

from convstep.course import load_lessons
from convstep.course.source import LANGUAGES, Cell, Exercise, Language, Lesson, Text

FOLDER = "lessons"
TAGS = {"en": "en", "zh": "zh-CN"}
WORDS = {
    "en": {
        "title": "The lessons in English",
        "intro": "The ten lessons of {doc}`the course </course>`, to read: below each cell stands what it showed. "
        "`convstep course` writes them as notebooks, with exercises to fill in. [中文版](../zh/index.md)",
        "explorer": "",
        "solution": "One solution",
        "picture": "Picture: {}",
        "twin": "[中文版]({})",
    },
    "zh": {
        "title": "中文课程",
        "intro": "{doc}`课程 </course>`的十课，供阅读：每个单元格下面是它的输出。"  # noqa: RUF001 - Chinese marks
        "`convstep course` 把它们写成笔记本，练习留给你来填。[English](../en/index.md)",  # noqa: RUF001
        "explorer": "## 动手看一看\n\n移动窗口，改任何一个数，看结果和梯度怎样变化。\n\n"  # noqa: RUF001
        "```{explorer}\n:language: zh\n:title: 探索页：卷积与池化，前向和反向\n:alone: 单独打开这个页面\n```\n",  # noqa: RUF001
        "solution": "一种解法",
        "picture": "图：{}",  # noqa: RUF001
        "twin": "[English]({})",
    },
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("lessons_run", default=True, rebuild="env", types=bool)
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write the pages that Sphinx reads next: for each language a folder with an index, the lessons, and their pictures."""
    lessons = load_lessons()
    root = Path(app.srcdir)
    shown = run_lessons(lessons, root.parent / ".cache" / "lessons") if app.config.lessons_run else {}
    written = set()
    for language in LANGUAGES:
        folder = root / FOLDER / language
        folder.mkdir(parents=True, exist_ok=True)
        pages: dict[str, str | bytes] = {"index.md": index(lessons, language)}
        for lesson in lessons:
            outputs = shown.get(lesson.name, {}).get(language) or [[] for _ in lesson.cells]
            page, pictures = lesson_page(lesson, language, outputs)
            pages |= {f"{lesson.name}.md": page, **pictures}
        for name, content in pages.items():
            _write(folder / name, content)
            written.add(folder / name)
    for path in (root / FOLDER).rglob("*.*"):
        if path not in written:
            path.unlink()


def index(lessons: Iterable[Lesson], language: Language) -> str:
    """Return the page that lists the lessons."""
    words = WORDS[language]
    names = "\n".join(lesson.name for lesson in lessons)
    top = "---\nhide-toc: true\n---\n\n" if words["explorer"] else ""  # a frame needs the room
    return f"{top}# {words['title']}\n\n{words['intro']}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n\n{words['explorer']}"


def lesson_page(lesson: Lesson, language: Language, outputs: list[list[Output]]) -> tuple[str, dict[str, bytes]]:
    """Return a lesson as MyST Markdown, and its pictures by their names."""
    pictures: dict[str, bytes] = {}
    parts = []
    for cell, shown in zip(lesson.cells, outputs, strict=True):
        if isinstance(cell, Text):
            parts.append(cell.zh if language == "zh" else cell.en)
            continue
        parts.append(_code(cell, language, lesson.name))
        for output in shown:
            name = f"{lesson.name}-{len(pictures) + 1}.png"
            if output.kind == "picture":
                pictures[name] = base64.b64decode(output.content)
            parts.append(_shown(output, name, language))
    other = "zh" if language == "en" else "en"
    title, _, rest = "\n\n".join(parts).partition("\n")
    twin = WORDS[language]["twin"].format(f"../{other}/{lesson.name}.md")
    return f"{title}\n\n{twin}\n{rest}\n", pictures


def _code(cell: Cell, language: Language, lesson: str) -> str:
    fence = f"```python\n{source_of(cell, language, lesson)}\n```"
    if not isinstance(cell, Exercise):
        return fence
    return f"<details>\n<summary>{WORDS[language]['solution']}: <code>{cell.function}</code></summary>\n\n{fence}\n\n</details>"


def _shown(output: Output, name: str, language: Language) -> str:
    if output.kind == "picture":
        alt = WORDS[language]["picture"].format(output.alt or name)
        return f"```{{image}} {name}\n:alt: {alt}\n:width: {output.width}px\n:class: cell-output\n```"
    if output.kind == "html":
        return f'```{{raw}} html\n<div class="cell-output cell-html">{output.content}</div>\n```'
    return f"````{{code-block}} text\n:class: cell-output\n\n{output.content}\n````"


def _write(path: Path, content: str | bytes) -> None:
    """Write a file, unless it says so already: Sphinx reads again what is newer."""
    data = content.encode() if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != data:
        path.write_bytes(data)
