"""The docstrings' text as Markdown, with the mathematics in it as LaTeX.

Docstrings are written to be read where they stand: h_t = ReLU([h_{t−1}, g_t] W + b), in the characters of Unicode. What
is surely a formula is found here by what it is made of; everything else stays the text that it was.
"""

import re
import unicodedata

GREEK = dict(
    zip(
        "αβγδεηθλμνπρστφψωΔΘΛΣΠΦΨΩ",
        "alpha beta gamma delta varepsilon eta theta lambda mu nu pi rho sigma tau phi psi omega "
        "Delta Theta Lambda sum prod Phi Psi Omega".split(),
    )
)
SIGNS = dict(
    zip(
        "∂∇·×≈≤≥≠~→←…∞⟨⟩∈",
        "partial nabla cdot times approx le ge ne sim to leftarrow ldots infty langle rangle in".split(),
    )
)
SMALL = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹ᵖᵗ₀₁₂", "0123456789pt012")) | {"ᵀ": r"\mathsf{T}"}
ACCENTS = {"\N{COMBINING CIRCUMFLEX ACCENT}": "hat", "\N{COMBINING MACRON}": "bar"}
SUPER, SUB = "⁰¹²³⁴⁵⁶⁷⁸⁹ᵖᵗᵀ", "₀₁₂"
PLAIN = set("+-/=<>()[]|,.!:;' 0123456789\N{NO-BREAK SPACE}")
FUNCTIONS = {"log", "exp", "tanh", "max", "min"}
# What makes a run of words a formula: such a sign, or a letter with an index. All of its words may stand in one.
STRONG = re.compile(rf"[{''.join(GREEK)}∂∇·×≈≤≥≠~←∞⟨∈{SUPER}{SUB}−½√^=<>|]|(?<![A-Za-z])d?[A-Za-z]_[A-Za-z0-9{{]")
OPERATOR = re.compile(r"[-=+/<>|·×≈≤≥≠~←−]+")
NAME = re.compile(
    r"d?[A-Za-z]|d?(log|exp|tanh|max|min|softmax|onehot|ReLU|Re|Im|logits|logp|loss|label)"
    "|background|floor|rtol|ih|clip"
)
INDEX = re.compile(r"_(?:\{[^{}]*\}|[A-Za-z]+|\d+)")
IDENTIFIER = re.compile(r"\b(?!p_label)(?:[a-z]{2,}_[a-z_]{2,}|[a-z]_[a-z]{3,})\b")  # log_std, x_shape, but not h_t
# (N, in), (T−1, N), (out,): lists in brackets of short things without spaces in them.
SHAPE = re.compile(r"(?<![\w)])\((?:[\w·−+….]+(?: [+·] [\w·]+)*,(?: |(?=\))))+(?:[\w·−+….]+(?: [+·] [\w·]+)*)?\)")
LETTERS = re.compile("[A-Za-z]+")
BRACKETS = ("()", "[]", "{}", "⟨⟩")


def markdown(docstring, files=None):
    """A docstring as Markdown. files: from the name of a file to a link to it, where the docstring lists such."""
    blocks = re.split(r"\n\s*\n", docstring.strip("\n"))
    return "\n\n".join(_block(block, files) for block in blocks) + "\n"


def _block(block, files):
    lines = block.split("\n")
    if block.lstrip().startswith(">>>"):
        return "```pycon\n" + "\n".join(line.strip() for line in lines) + "\n```"
    if all(line.startswith("    ") for line in lines):
        rows = [re.fullmatch(r" {4}([a-z-]{2,}) {2,}(\S.*)", line) for line in lines]
        if all(rows):  # a name each, and what it is: words and formulas
            return "| | |\n|:--|:--|\n" + "\n".join(f"| {row[1]} | {_cell(row[2])} |" for row in rows)
        # Several in a line stand apart; what stands apart before a "=" is only aligned.
        parts = [part for line in lines for part in re.split(r" {3,}(?!=)", line.strip())]
        latex = [to_latex(part) for part in parts]
        if all(latex) and any(STRONG.search(part) for part in parts):
            return "$$\n\\begin{gathered}\n" + "\\\\\n".join(latex) + "\n\\end{gathered}\n$$"
        return "```python\n" + "\n".join(line[4:] for line in lines) + "\n```"
    if files and all(re.match(r"\w+  +\S", line) for line in lines):
        rows = [re.split(r"  +", line, maxsplit=1) for line in lines]
        return "| | |\n|:--|:--|\n" + "\n".join(f"| {files(name)} | {inline(text)} |" for name, text in rows)
    first, *points = re.split(r"\n(?=- )", block)
    paragraphs = [inline(" ".join(line.strip() for line in part.removeprefix("- ").split("\n"))) for part in points]
    text = inline(" ".join(line.strip() for line in first.split("\n")))
    return "\n\n".join([text, "\n".join(f"- {point}" for point in paragraphs)]) if points else text


def _cell(text):
    """A paragraph in a table, where a | of mathematics would end the cell; others are escaped."""
    return re.sub(r"\$[^$]*\$", lambda formula: formula[0].replace("|", r"\vert "), inline(text))


def inline(text):
    """A paragraph: code stays code, shapes become code, formulas become mathematics."""
    pieces = re.split(r"(`[^`]+`|\{\"[^}]*\}|\"[^\"]*\")", text)
    return "".join(
        piece if piece[:1] == "`" else code(piece) if i % 2 else _prose(piece) for i, piece in enumerate(pieces)
    )


def code(text):
    return f"`{text}`"


def _prose(text):
    parts = re.split(f"({SHAPE.pattern}|{IDENTIFIER.pattern})", text)
    return "".join(code(part) if i % 2 else _formulas(part) for i, part in enumerate(parts))


def _formulas(text):
    """Text in which the longest runs of words that make a formula are mathematics."""
    text = re.sub(r"_\{[^{}]*\}", lambda index: index[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    words = re.split(r"( +)", text)  # words and the spaces between them, in turn
    out, i = [], 0
    while i < len(words):
        end = _run(words, i) if i % 2 == 0 else i
        if end == i and re.fullmatch("[b-z][,;:.]?|[B-HJ-Z][,;:]?", words[i]):
            end += 1  # a letter by itself is a quantity, if it is neither a word nor the first of a name
        if end > i:
            span = "".join(words[i:end])
            body = span.rstrip(",.;:")
            out.append(f"${to_latex(body)}${escaped(span[len(body) :])}")
            i = end
        else:
            out.append(escaped(words[i]))
            i += 1
    return "".join(out)


def _run(words, i):
    """Where the formula that begins at word i ends, or i if there is none."""
    best = i
    for end in range(i, len(words), 2):
        body = words[end].rstrip(",.;:")
        beside = [words[k] for k in (end - 2, end + 2) if i <= k < len(words)]
        if body == "//":
            return i  # that is Python
        if not body or body == "→" or not _mathematical(body, any(OPERATOR.fullmatch(word) for word in beside)):
            break
        span = "".join(words[i : end + 1])
        if _whole(span.rstrip(",.;:")):
            best = end + 1
        if body != words[end] and _balanced(span):
            break
    return best


def _mathematical(word, beside_operator):
    """May it stand in a formula? All names in it are single letters or known, or it is one beside an operator."""
    bare = INDEX.sub("", word)
    names = re.findall("[A-Za-z]+", bare)
    known = all(NAME.fullmatch(name) for name in names) or (beside_operator and bare.isalpha() and bare.islower())
    return known and bool(to_latex(word))


def _balanced(span):
    for begin, end in BRACKETS:
        depth = 0
        for c in span:
            depth += (c == begin) - (c == end)
            if depth < 0:
                return False
        if depth:
            return False
    return True


def _whole(span):
    """Is it a formula by itself? It has a sign of one, and is not cut within brackets or beside an operator."""
    first, last = span.split()[0], span.split()[-1]
    cut = OPERATOR.fullmatch(last) or (OPERATOR.fullmatch(first) and first != "−")
    article = re.match(r"(?:a|A|I) +[^\s=+/<>·×≈≤≥~←−]", span)
    return bool(STRONG.search(span) and re.search(r"\w|∇", span)) and _balanced(span) and not cut and not article


def escaped(text):
    """Text in which no character means anything to Markdown but the stars of emphasis."""
    return re.sub(r"([\\`_{}\[\]<>#$|~])", r"\\\1", text)


def to_latex(text):
    """A formula in Unicode as LaTeX, or "" if a character of it has no place in one."""
    text, out, i = unicodedata.normalize("NFD", text), [], 0
    while i < len(text):
        c = text[i]
        if number := re.match(r"1e-(\d+)", text[i:]):
            out.append(f"10^{{-{number[1]}}}")
            i += number.end()
        elif word := LETTERS.match(text, i):
            out.append(r"\mathrm{d}" if word[0] == "d" and text[i + 1 : i + 2] in {*GREEK} else _name(word[0]))
            i = word.end()
        elif c in "_^":
            inside, i = _script(text, i + 1)
            latex = _index(inside)
            if not latex:
                return ""
            out.append(f"{c}{{{latex}}}")
        elif c in SUPER + SUB:
            run = re.match(f"[{SUPER}]+|[{SUB}]+", text[i:])[0]
            out.append(f"{'^' if c in SUPER else '_'}{{{''.join(map(SMALL.get, run))}}}")
            i += len(run)
        elif c in ACCENTS and out:
            out[-1] = rf"\{ACCENTS[c]}{{{out[-1].strip()}}}"
            i += 1
        elif c == "√":
            inside, i = _script(text, i + 1)
            out.append(rf"\sqrt{{{to_latex(inside)}}}")
        else:
            if c in GREEK or c in SIGNS:
                out.append(f"\\{GREEK.get(c) or SIGNS[c]} ")
            elif c in "{}":
                out.append(f"\\{c}")
            elif c in "−½%":
                out.append({"−": "-", "½": r"\tfrac12 ", "%": r"\%"}[c])
            elif c in PLAIN:
                out.append(r"\ " if c == " " and text[i - 1 : i] == "," else c)
            else:
                return ""
            i += 1
    return "".join(out).strip()


def _name(word):
    if len(word) == 1:
        return word
    if word in FUNCTIONS:
        return f"\\{word} "
    if word[0] == "d" and (len(word) == 2 or word[1:] in FUNCTIONS):
        return rf"\mathrm{{d}}{_name(word[1:])}"
    return rf"\mathrm{{{word}}}"


def _script(text, i):
    """What is raised or lowered, from character i: what is in brackets, or a word → it, and where it ends."""
    for begin, end in BRACKETS[:3]:
        if text[i : i + 1] == begin and (stop := text.find(end, i)) > 0:
            return text[i + 1 : stop], stop + 1
    word = re.match("[A-Za-z]+[\u0302\u0304]?|[0-9]+|[α-ω]", text[i:])
    return (word[0], i + word.end()) if word else ("", i + 1)


def _index(inside):
    """Indices are single letters, and names are names: y_nj, but p_label."""
    return inside if re.fullmatch(r"[a-zA-Z]{1,2}\d?", inside) else to_latex(inside)
