"""A lesson's source: what it is read as, and how one that breaks the format, or whose languages differ, is refused."""
# ruff: noqa: RUF001 - Chinese punctuation

import re

import pytest

from convstep.course.source import Check, Code, Exercise, Text, parse
from convstep.errors import DataError

TITLE = "<!-- en -->\n# Title\n<!-- zh -->\n# 标题\n"
FENCES = "a fence is python, python keras, exercise NAME, check NAME (empty), or text inside a text"
EMPHASIS = "Markdown does not see this emphasis, for the mark at its edge"


def test_a_source_becomes_cells_in_its_order() -> None:
    source = f"""{TITLE}
```python
# en: one
# zh: 一
x = 1
    # en: inner
    # zh: 里面
print("words")  # en
print("词")  # zh
```
<!-- en -->
After `x` and $y$:

```text
not
<!-- en -->

a cell
```
<!-- zh -->
在 `x` 和 $y$ 之后：

```text
not
<!-- en -->

a cell
```
```python keras
import keras
```
```exercise zero_pad
补零。

1. 补上零。
```
```check zero_pad
```
"""
    lesson = parse(source, "01_x.md")
    title, code, text, keras, exercise, check = lesson.cells
    assert lesson.name == "01_x"
    assert title == Text(1, "# Title", "# 标题")
    assert isinstance(code, Code)
    assert code.spoken("en") == '# one\nx = 1\n    # inner\nprint("words")'
    assert code.spoken("zh") == '# 一\nx = 1\n    # 里面\nprint("词")'
    assert isinstance(text, Text)
    assert text.en.endswith("```text\nnot\n<!-- en -->\n\na cell\n```")
    assert keras == Code(33, "import keras", needs="keras")
    assert exercise == Exercise(36, "zero_pad", "补零。", ("补上零。",))
    assert check == Check(41, "zero_pad")


BAD = {
    "a paragraph is missing in Chinese": (
        "<!-- en -->\n# T\n\nOne.\n<!-- zh -->\n# 标题\n",
        "course: 01_x.md, line 1: the Chinese text lacks a paragraph: there are 2 in English and 1 in Chinese",
    ),
    "a paragraph is missing in English": (
        f"{TITLE}<!-- en -->\nOne.\n<!-- zh -->\n一。\n\n二。\n",
        "course: 01_x.md, line 5: the English text lacks a paragraph: there are 1 in English and 2 in Chinese",
    ),
    "the twin is missing": (
        f"{TITLE}<!-- en -->\nOne.\n```python\n```\n",
        "course: 01_x.md, line 5: the English text that begins here has no Chinese text after it",
    ),
    "the twin is missing at the end": (
        f"{TITLE}<!-- en -->\nOne.\n",
        "course: 01_x.md, line 5: the English text that begins here has no Chinese text after it",
    ),
    "the English twin is missing": (
        f"{TITLE}<!-- zh -->\n一。\n",
        "course: 01_x.md, line 5: the Chinese text that begins here has no English text before it",
    ),
    "the Chinese text is English": (
        f"{TITLE}<!-- en -->\nOne `x`.\n<!-- zh -->\nOne `x`.\n",
        "course: 01_x.md, line 5: paragraph 1: the Chinese text has no Chinese characters\n  given One `x`.",
    ),
    "the English text is Chinese": (
        f"{TITLE}<!-- en -->\nOne 一.\n<!-- zh -->\n一。\n",
        "course: 01_x.md, line 5: paragraph 1: the English text has Chinese characters\n  given One 一.",
    ),
    "a formula is missing in Chinese": (
        f"{TITLE}<!-- en -->\nTwo.\n\nLet $a$ be $b$.\n<!-- zh -->\n二。\n\n设 $a$ 为 b。\n",
        "course: 01_x.md, line 5: paragraph 2: the Chinese text lacks the formula $b$\n  given Let $a$ be $b$.",
    ),
    "a displayed formula differs": (
        f"{TITLE}<!-- en -->\n$$\na\n$$\n<!-- zh -->\n$$\nb\n$$\n",
        "course: 01_x.md, line 5: paragraph 1: the Chinese text lacks the formula $$ a $$\n  given $$",
    ),
    "code is missing in English": (
        f"{TITLE}<!-- en -->\nSet pad.\n<!-- zh -->\n设置 `pad`。\n",
        "course: 01_x.md, line 5: paragraph 1: the English text lacks the code `pad`\n  given Set pad.",
    ),
    "a heading is no heading": (
        f"{TITLE}<!-- en -->\n## Next\n<!-- zh -->\n接下来\n",
        'course: 01_x.md, line 5: paragraph 1: it begins with "##" in English and with "" in Chinese\n  given ## Next',
    ),
    "emphasis does not close": (
        f"{TITLE}<!-- en -->\n**Next:** pooling\n<!-- zh -->\n**接下来：**池化\n",
        f"course: 01_x.md, line 5: paragraph 1: {EMPHASIS}: **接下来：**\n  given **Next:** pooling",
    ),
    "Chinese is in italics": (
        f"{TITLE}<!-- en -->\nAn *image*.\n<!-- zh -->\n一张*图像*。\n",
        "course: 01_x.md, line 5: paragraph 1: Chinese has no italics: use two stars, or “quotation marks”: *图像*\n  given An *image*.",
    ),
    "there is no title": (
        "<!-- en -->\nOne.\n<!-- zh -->\n一。\n",
        'course: 01_x.md, line 1: the first text does not begin with a title, "# ...", in both languages',
    ),
    "there is nothing": ("", 'course: 01_x.md, line 1: the first text does not begin with a title, "# ...", in both languages'),
    "a line belongs to nothing": (
        f"{TITLE}```python\nx = 1\n```\n\nLost.\n",
        "course: 01_x.md, line 9: this line is in no text and in no cell\n  given Lost.",
    ),
    "a fence does not end": (f"{TITLE}```python\nx = 1\n", "course: 01_x.md, line 5: the fence that begins here does not end"),
    "a fence is misspelt": (
        f"{TITLE}```pyhton\n```\n",
        f"course: 01_x.md, line 5: {FENCES}\n  given pyhton",
    ),
    "a fence has no name": (
        f"{TITLE}```\n```\n",
        f"course: 01_x.md, line 5: {FENCES}\n  given no word",
    ),
    "a check has a body": (
        f"{TITLE}```exercise zero_pad\n补零。\n```\n```check zero_pad\nx\n```\n",
        f"course: 01_x.md, line 8: {FENCES}\n  given check zero_pad",
    ),
    "comments lack a twin": (
        f"{TITLE}```python\n# en: one\nx = 1\n```\n",
        "course: 01_x.md, line 5: the cell has 1 lines in English alone and 0 in Chinese alone",
    ),
    "comments are misnumbered": (
        f"{TITLE}```exercise zero_pad\n补零。\n1. 一\n3. 三\n```\n```check zero_pad\n```\n",
        "course: 01_x.md, line 5: comment 2 of the exercise does not begin with 2.\n  given 3. 三",
    ),
    "an exercise has no check": (
        f"{TITLE}```exercise zero_pad\n补零。\n```\n",
        "course: 01_x.md, line 5: the cell after the exercise zero_pad is not its check",
    ),
    "an exercise has another's check": (
        f"{TITLE}```exercise zero_pad\n补零。\n```\n```check conv_forward\n```\n",
        "course: 01_x.md, line 5: the cell after the exercise zero_pad is not its check",
    ),
    "a check has no exercise": (
        f"{TITLE}```check zero_pad\n```\n",
        "course: 01_x.md, line 5: the cell before the check of zero_pad is not its exercise",
    ),
}


@pytest.mark.parametrize(("source", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_source_is_refused_by_file_and_line(source: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        parse(source, "01_x.md")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Costs `$5` or $x$ or `$6`.", "花费 `$5` 或 `$6` 或 $x$。"),
        ("A `pad` is a `pad`.", "就是 `pad`。"),
        ("$$a\n  = b$$", "$$a = b$$"),
        ("<details>\n<summary>Answer</summary>\n\n2\n\n</details>", "<details>\n<summary>答案</summary>\n\n2\n\n</details>"),
        ("3 windows fit.", "能放下三个窗口。"),
        ("1. *One*\n2. **Two**, x", "1. **一**\n2. **二**，某数"),
        ("a * b * c", "乘积 a * b * c"),
    ],
)
def test_twins_may_differ_in_what_is_only_language(english: str, chinese: str) -> None:
    text = parse(f"{TITLE}<!-- en -->\n{english}\n<!-- zh -->\n{chinese}\n", "01_x.md").cells[1]
    assert text == Text(5, english, chinese)
